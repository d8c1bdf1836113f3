//! Pages of lists that their reader may not see all of.

use std::fmt::Display;
use std::str::FromStr;

use crate::clock::Timestamp;
use crate::store::{StoreError, StoreFuture};

/// How many rows one page looks at for those that its reader may see.
const LOOKED_AT: u32 = 2000;
/// How many are read at a time once the first look was not enough.
const MORE: u32 = 200;

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Page<T, At> {
    /// What is on it; it can be less than was asked for, and there may be more all the same.
    pub(crate) items: Vec<T>,
    /// Where the next page begins, if there may be one.
    pub(crate) next: Option<At>,
    /// The store's time.
    pub(crate) now: Timestamp,
}

/// A place in a list as text, for a client to hand back as it is. It gives no right: what it leads to is looked at anew.
pub(crate) fn written_place((at, id): (Timestamp, impl Display)) -> String {
    format!("{}.{id}", at.millis())
}

/// The place that such a text names, if it is one.
pub(crate) fn read_place<Id: FromStr>(text: &str) -> Option<(Timestamp, Id)> {
    let (millis, id) = text.split_once('.')?;
    Some((Timestamp::from_millis(millis.parse().ok()?), id.parse().ok()?))
}

/// Reads on from `after` until there are `limit` rows that `shows` lets through, the list is over, or so many rows were
/// looked at that the next page has to go on from there. One look is all it takes where the reader may see them all.
///
/// `read` returns the rows after a place, as many as it is asked for while there are any.
pub(super) async fn fill<'a, T, At: Copy>(
    limit: u32,
    after: Option<At>,
    read: impl Fn(Option<At>, u32) -> StoreFuture<'a, Vec<T>>,
    at: impl Fn(&T) -> At,
    shows: impl Fn(&T) -> bool,
) -> Result<(Vec<T>, Option<At>), StoreError> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut items, mut place, mut seen) = (Vec::new(), after, 0);
    let mut want = limit.saturating_add(1);
    while seen < LOOKED_AT {
        let found = read(place, want).await?;
        let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
        for row in found {
            let is_seen = shows(&row);
            if is_seen && items.len() == most {
                // There is one more, and this page is full.
                return Ok((items, place));
            }
            place = Some(at(&row));
            if is_seen {
                items.push(row);
            }
        }
        if count < want {
            return Ok((items, None));
        }
        seen = seen.saturating_add(count);
        want = MORE;
    }
    Ok((items, place))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list of the numbers from 1 to `last`, and a page of those that 1000 divides.
    async fn page(last: u32, after: Option<u32>, limit: u32) -> (Vec<u32>, Option<u32>) {
        let read = |after: Option<u32>, want: u32| -> StoreFuture<'_, Vec<u32>> {
            let first = after.map_or(1, |after| after + 1);
            Box::pin(async move { Ok((first..=last).take(want as usize).collect()) })
        };
        fill(limit, after, read, |n| *n, |n| n % 1000 == 0).await.unwrap()
    }

    #[tokio::test]
    async fn a_page_reads_past_what_its_reader_may_not_see() {
        assert_eq!(page(1500, None, 1).await, (vec![1000], None), "a next page would be empty");
        assert_eq!(page(1000, None, 10).await, (vec![1000], None));
        assert_eq!(page(2001, None, 1).await, (vec![1000], Some(1999)));
        assert_eq!(page(2001, Some(1999), 1).await, (vec![2000], None));
        assert_eq!(page(1999, None, 50).await, (vec![1000], None));
        assert_eq!(page(0, None, 50).await, (vec![], None));
    }

    #[tokio::test]
    async fn a_page_has_an_end_and_the_next_one_goes_on_from_there() {
        let (mut seen, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let (items, next) = page(9_999, after, 50).await;
            assert!(items.len() <= 3, "{items:?}");
            seen.extend(items);
            pages += 1;
            if next.is_none() {
                break;
            }
            assert!(next > after, "{next:?} after {after:?}");
            after = next;
        }
        assert_eq!(seen, (1..10).map(|n| n * 1000).collect::<Vec<_>>());
        assert!((4..=6).contains(&pages), "{pages}");
    }
}
