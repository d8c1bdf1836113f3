use std::collections::{HashSet, VecDeque};

/// Of how many messages the ids are remembered.
const REMEMBERED: usize = 10_000;

/// The ids of messages that were heard.
///
/// It forgets when the program ends. A receiver that must not act twice keeps the ids where it keeps what it does, and
/// writes both at once.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    ids: HashSet<String>,
    order: VecDeque<String>,
}

impl Seen {
    /// Whether the message was not heard before; from now on it was.
    pub(crate) fn is_new(&mut self, id: &str) -> bool {
        if !self.ids.insert(id.to_owned()) {
            return false;
        }
        self.order.push_back(id.to_owned());
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_new_once_and_memory_is_bounded() {
        let mut seen = Seen::default();
        assert!(seen.is_new("first"));
        assert!(!seen.is_new("first"));
        for n in 0..REMEMBERED {
            assert!(seen.is_new(&n.to_string()));
        }
        assert_eq!((seen.ids.len(), seen.order.len()), (REMEMBERED, REMEMBERED));
        assert!(seen.is_new("first"), "it was long ago");
    }
}
