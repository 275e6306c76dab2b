//! Which streams have news: h2 wakes the waker of a stream, which writes its number down.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use crate::message::RequestId;

/// The streams of a connection with news, in the order in which they got them.
#[derive(Clone, Debug, Default)]
pub(super) struct News(Arc<Mutex<Vec<Arc<StreamNews>>>>);

/// Whether one stream is among them.
#[derive(Debug)]
struct StreamNews {
    stream: RequestId,
    is_noted: AtomicBool,
    news: News,
}

impl News {
    /// Returns a waker that notes a stream.
    pub(super) fn waker(&self, stream: RequestId) -> Waker {
        Arc::new(StreamNews { stream, is_noted: AtomicBool::new(false), news: self.clone() }).into()
    }

    /// Returns what makes that waker when it is first needed.
    pub(super) fn later_waker(&self, stream: RequestId) -> LaterWaker {
        LaterWaker { stream, news: self.clone(), made: None }
    }

    /// Returns whether no stream has news.
    pub(super) fn is_empty(&self) -> bool {
        self.list().is_empty()
    }

    /// Takes the streams with news. One that is woken from here on is noted again.
    pub(super) fn take(&self) -> Vec<RequestId> {
        let noted = mem::take(&mut *self.list());
        let seen = noted.iter().map(|stream| {
            stream.is_noted.store(false, Ordering::Relaxed);
            stream.stream
        });
        seen.collect()
    }

    fn list(&self) -> MutexGuard<'_, Vec<Arc<StreamNews>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The waker of a stream, which most streams do not need: their response is complete before anything is waited for.
#[derive(Debug)]
pub(super) struct LaterWaker {
    stream: RequestId,
    news: News,
    made: Option<Waker>,
}

impl LaterWaker {
    /// Returns the waker, always the same one.
    pub(super) fn get(&mut self) -> &Waker {
        self.made.get_or_insert_with(|| self.news.waker(self.stream))
    }
}

impl Wake for StreamNews {
    fn wake(self: Arc<Self>) {
        if !self.is_noted.swap(true, Ordering::Relaxed) {
            let news = self.news.clone();
            news.list().push(self);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::News;
    use crate::message::RequestId;

    #[test]
    fn a_stream_is_noted_once_until_it_is_taken() {
        let news = News::default();
        let (first, second) = (news.waker(RequestId(1)), news.waker(RequestId(2)));
        assert!(news.is_empty());
        second.wake_by_ref();
        first.wake_by_ref();
        second.wake_by_ref();
        assert_eq!(news.take(), [RequestId(2), RequestId(1)]);
        assert!(news.is_empty());
        second.wake();
        assert_eq!(news.take(), [RequestId(2)]);
    }

    #[test]
    fn a_later_waker_is_one_waker() {
        let news = News::default();
        let mut waker = news.later_waker(RequestId(3));
        let first = waker.get().clone();
        assert!(first.will_wake(waker.get()));
        waker.get().wake_by_ref();
        first.wake();
        assert_eq!(news.take(), [RequestId(3)]);
    }
}
