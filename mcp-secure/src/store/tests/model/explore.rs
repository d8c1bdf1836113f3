//! Every world that can be reached, breadth first, so that what breaks a promise is told in as few steps as it takes.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::action::{Action, Answer, possible};
use super::promises::{Promise, broken};
use super::transact::Model;
use super::world::World;

/// More than there are: a model that grows without end ends here.
const TOO_MANY: usize = 100_000;

/// What was found.
pub(super) struct Space {
    /// The worlds, in the order they were reached.
    pub(super) worlds: Vec<World>,
    /// The place of each.
    pub(super) number: HashMap<World, usize>,
    /// The steps of each, those that are refused included.
    pub(super) steps: Vec<Vec<Step>>,
    /// How many of them lead to another world.
    pub(super) moves: usize,
    /// How many steps the farthest world takes.
    pub(super) depth: usize,
}

/// One step, in a world of [`Space::worlds`].
pub(super) struct Step {
    pub(super) action: Action,
    pub(super) answer: Answer,
    /// The number of the world after it.
    pub(super) to: usize,
}

/// A promise that is broken, and how.
pub(super) struct Broken {
    pub(super) promise: Promise,
    /// How many steps lead there.
    pub(super) steps: usize,
    pub(super) story: String,
}

/// Follows every step of every world there is.
pub(super) fn explore(model: &Model) -> Result<Space, Broken> {
    let first = World::new();
    let mut space = Space {
        worlds: vec![first.clone()],
        number: HashMap::from([(first, 0)]),
        steps: Vec::new(),
        moves: 0,
        depth: 0,
    };
    let mut came: Vec<Option<(usize, Action)>> = vec![None];
    let mut depths = vec![0];
    let mut at = 0;
    while let Some(world) = space.worlds.get(at).cloned() {
        let mut steps = Vec::new();
        for action in possible(&world, model.capped) {
            let (answer, after) = model.apply(&world, action);
            if let Some(promise) = broken(model, &world, action, &answer, after.as_ref()) {
                let after = after.as_ref().unwrap_or(&world);
                return Err(told(&space, &came, at, promise, (action, &answer, after)));
            }
            let to = after.map_or(at, |after| {
                let key = after.key().world;
                if let Some(known) = space.number.get(&key) {
                    return *known;
                }
                assert!(space.worlds.len() < TOO_MANY, "the model has no end");
                space.number.insert(key.clone(), space.worlds.len());
                space.worlds.push(key);
                came.push(Some((at, action)));
                depths.push(depths[at] + 1);
                space.depth = depths[at] + 1;
                space.worlds.len() - 1
            });
            space.moves += usize::from(to != at);
            steps.push(Step { action, answer, to });
        }
        space.steps.push(steps);
        at += 1;
    }
    Ok(space)
}

/// How it came to this.
fn told(
    space: &Space,
    came: &[Option<(usize, Action)>],
    mut at: usize,
    promise: Promise,
    (action, answer, after): (Action, &Answer, &World),
) -> Broken {
    let mut path = Vec::new();
    while let Some((from, action)) = came[at] {
        path.push((action, at));
        at = from;
    }
    path.reverse();
    let mut story = String::new();
    for (action, world) in &path {
        let states: Vec<_> = space.worlds[*world].slots.iter().map(|s| s.state.kind()).collect();
        writeln!(story, "  {action:?} -> {states:?} {:?}", space.worlds[*world].replicas).unwrap();
    }
    writeln!(story, "  {action:?} is answered {answer:?}: {promise:?} is broken in {after:#?}")
        .unwrap();
    Broken { promise, steps: path.len() + 1, story }
}
