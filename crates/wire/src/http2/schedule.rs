//! Which of the streams with content to send is next, by their priorities (RFC 9218 section 10).
//!
//! A turn is a part of a response, a frame or so. The streams of the highest urgency have all turns, until none of them
//! has anything that can be sent: a stream whose window is closed is not in the schedule, so it holds up no other one.
//! Among streams of the same urgency, those that share are served in a circle; of the others, the one that was opened
//! first has one place in this circle, so that neither kind starves. This module knows no windows and no content.

use super::priority::Priority;

/// The streams that have something to send, and the priorities that are known.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    /// What clients have said about streams, open ones or soon opened. Few say anything.
    said: Vec<Said>,
    waiting: Vec<Waiting>,
    /// The number of the latest turn.
    turn: u64,
}

#[derive(Debug)]
struct Said {
    stream: u32,
    priority: Priority,
    /// Whether a frame has said it, which counts for more than the field of the request (RFC 9218 section 7).
    by_frame: bool,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    stream: u32,
    priority: Priority,
    /// The turn after which it began to wait, or the last one that its place in the circle had.
    served: u64,
}

impl Schedule {
    /// Takes the priority that the head of a request says. That of a frame which came before stays.
    pub(super) fn open(&mut self, stream: u32, priority: Priority) {
        if !self.said.iter().any(|said| said.stream == stream) {
            self.said.push(Said { stream, priority, by_frame: false });
        }
    }

    /// Takes the priority that a frame says, also of a stream that is not open yet. Of such priorities no more than
    /// `at_most` are kept, and the oldest is dropped.
    pub(super) fn update(&mut self, stream: u32, priority: Priority, at_most: usize) {
        if let Some(said) = self.said.iter_mut().find(|said| said.stream == stream) {
            (said.priority, said.by_frame) = (priority, true);
        } else {
            if self.said.len() >= at_most
                && let Some(oldest) = self.said.iter().position(|said| said.by_frame)
            {
                self.said.remove(oldest);
            }
            if self.said.len() < at_most {
                self.said.push(Said { stream, priority, by_frame: true });
            }
        }
        if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.stream == stream) {
            waiting.priority = priority;
        }
    }

    /// Forgets a stream that is closed.
    pub(super) fn close(&mut self, stream: u32) {
        self.rest(stream);
        if let Some(place) = self.said.iter().position(|said| said.stream == stream) {
            self.said.swap_remove(place);
        }
    }

    /// Returns the priority of a stream.
    pub(super) fn priority(&self, stream: u32) -> Priority {
        let said = self.said.iter().find(|said| said.stream == stream);
        said.map_or(Priority::UNSAID, |said| said.priority)
    }

    /// Notes that a stream has something that can be sent. It comes behind those of its urgency that already wait, so one
    /// that never has much at once gets no more turns than others.
    pub(super) fn wait(&mut self, stream: u32) {
        if self.waiting.iter().any(|waiting| waiting.stream == stream) {
            return;
        }
        let priority = self.priority(stream);
        self.waiting.push(Waiting { stream, priority, served: self.turn });
    }

    /// Notes that a stream has nothing more that can be sent.
    pub(super) fn rest(&mut self, stream: u32) {
        // The order of the rest decides between streams that began to wait at the same turn.
        if let Some(place) = self.waiting.iter().position(|waiting| waiting.stream == stream) {
            self.waiting.remove(place);
        }
    }

    /// Returns whether no stream waits.
    pub(super) const fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Returns the stream whose turn it is. It waits on until it [rests](Self::rest).
    pub(super) fn next(&mut self) -> Option<u32> {
        let urgency = self.waiting.iter().map(|waiting| waiting.priority.urgency).min()?;
        let level = || self.waiting.iter().filter(|waiting| waiting.priority.urgency == urgency);
        let first = level().filter(|waiting| !waiting.priority.shares).min_by_key(|waiting| waiting.stream);
        let circle = level().filter(|waiting| waiting.priority.shares).chain(first);
        let next = *circle.min_by_key(|waiting| waiting.served)?;
        self.turn += 1;
        for waiting in &mut self.waiting {
            let has_its_place = !next.priority.shares && waiting.priority == next.priority;
            if waiting.stream == next.stream || has_its_place {
                waiting.served = self.turn;
            }
        }
        Some(next.stream)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Schedule;
    use crate::http2::priority::Priority;

    const fn said(urgency: u8, shares: bool) -> Priority {
        Priority { urgency, shares }
    }

    fn turns(schedule: &mut Schedule, count: usize) -> Vec<u32> {
        (0..count).filter_map(|_| schedule.next()).collect()
    }

    fn schedule(streams: &[(u32, Option<Priority>)]) -> Schedule {
        let mut schedule = Schedule::default();
        for (stream, priority) in streams {
            if let Some(priority) = priority {
                schedule.open(*stream, *priority);
            }
            schedule.wait(*stream);
        }
        schedule
    }

    #[test]
    fn urgent_streams_come_first() {
        let mut schedule = schedule(&[(1, Some(said(5, true))), (3, None), (5, Some(said(0, false)))]);
        assert_eq!(turns(&mut schedule, 2), [5, 5]);
        schedule.rest(5);
        assert_eq!(turns(&mut schedule, 2), [3, 3]);
        schedule.rest(3);
        assert_eq!(turns(&mut schedule, 2), [1, 1]);
        schedule.rest(1);
        assert_eq!(schedule.next(), None);
        assert!(schedule.is_empty());
    }

    #[test]
    fn streams_of_a_silent_client_share() {
        let mut schedule = schedule(&[(1, None), (3, None), (5, None)]);
        assert_eq!(turns(&mut schedule, 6), [1, 3, 5, 1, 3, 5]);
    }

    #[test]
    fn others_are_sent_one_after_the_other() {
        let whole = Some(said(3, false));
        let mut schedule = schedule(&[(5, whole), (1, whole), (3, whole)]);
        assert_eq!(turns(&mut schedule, 3), [1, 1, 1]);
        schedule.close(1);
        assert_eq!(turns(&mut schedule, 2), [3, 3]);
    }

    #[test]
    fn whole_responses_have_one_place_in_the_circle() {
        let whole = Some(said(3, false));
        let mut schedule = schedule(&[(1, whole), (3, None), (5, whole), (7, None)]);
        assert_eq!(turns(&mut schedule, 6), [3, 7, 1, 3, 7, 1]);
        schedule.close(1);
        assert_eq!(turns(&mut schedule, 6), [3, 7, 5, 3, 7, 5]);
    }

    #[test]
    fn a_stream_that_waits_again_comes_last() {
        let mut schedule = schedule(&[(1, None), (3, None)]);
        assert_eq!(schedule.next(), Some(1));
        schedule.rest(1);
        schedule.wait(1);
        assert_eq!(turns(&mut schedule, 3), [3, 1, 3]);
    }

    #[test]
    fn a_frame_changes_the_order_and_outweighs_the_field() {
        let mut schedule = schedule(&[(1, None), (3, None)]);
        schedule.update(3, said(1, false), 10);
        assert_eq!(turns(&mut schedule, 2), [3, 3]);
        schedule.update(5, said(0, false), 10);
        schedule.open(5, said(7, false));
        schedule.wait(5);
        assert_eq!(schedule.next(), Some(5));
    }

    #[test]
    fn no_more_priorities_are_kept_than_streams_are_allowed() {
        let mut schedule = Schedule::default();
        for stream in 0..1000 {
            schedule.update(2 * stream + 1, said(0, true), 4);
        }
        assert_eq!(schedule.said.len(), 4);
        assert_eq!(schedule.priority(1999), said(0, true));
        assert_eq!(schedule.priority(1), Priority::UNSAID);
        schedule.update(1, said(0, true), 0);
        assert_eq!(schedule.priority(1), Priority::UNSAID);
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Wait(u32),
        Rest(u32),
        Update(u32, u8, bool),
        Next,
    }

    fn step() -> impl Strategy<Value = Step> {
        let stream = 0_u32..8;
        prop_oneof![
            stream.clone().prop_map(Step::Wait),
            stream.clone().prop_map(Step::Rest),
            (stream, 2_u8..4, any::<bool>())
                .prop_map(|(stream, urgency, shares)| Step::Update(stream, urgency, shares)),
            Just(Step::Next),
            Just(Step::Next),
        ]
    }

    proptest! {
        /// Whatever happens, the stream of a turn is one that waits, of the highest urgency that waits, and of the whole
        /// ones the first; and none that is due waits for more turns than the circle has places.
        #[test]
        fn every_turn_is_that_of_a_stream_that_may_have_it(steps in prop::collection::vec(step(), 0..300)) {
            let mut schedule = Schedule::default();
            let mut waits: Vec<(u32, usize)> = Vec::new();
            let mut priorities = [Priority::UNSAID; 8];
            for step in steps {
                match step {
                    Step::Wait(stream) => {
                        schedule.wait(stream);
                        if !waits.iter().any(|(other, _)| *other == stream) {
                            waits.push((stream, 0));
                        }
                    }
                    Step::Rest(stream) => {
                        schedule.rest(stream);
                        waits.retain(|(other, _)| *other != stream);
                    }
                    Step::Update(stream, urgency, shares) => {
                        priorities[stream as usize] = said(urgency, shares);
                        schedule.update(stream, said(urgency, shares), 100);
                        // What a stream waited for under another priority was not its turn.
                        waits.iter_mut().for_each(|(_, passed)| *passed = 0);
                    }
                    Step::Next => {
                        let next = schedule.next();
                        let priority = |stream: u32| priorities[stream as usize];
                        let urgency = waits.iter().map(|(stream, _)| priority(*stream).urgency).min();
                        let Some(next) = next else {
                            prop_assert!(waits.is_empty());
                            continue;
                        };
                        prop_assert!(waits.iter().any(|(stream, _)| *stream == next));
                        prop_assert_eq!(Some(priority(next).urgency), urgency);
                        let first = waits.iter().map(|(stream, _)| *stream)
                            .filter(|stream| priority(*stream) == said(priority(next).urgency, false)).min();
                        prop_assert!(priority(next).shares || Some(next) == first);
                        for (stream, passed) in &mut waits {
                            let has_place = priority(*stream).shares || Some(*stream) == first;
                            if *stream == next || Some(priority(*stream).urgency) != urgency || !has_place {
                                *passed = 0;
                            } else {
                                *passed += 1;
                                prop_assert!(*passed <= 8, "{stream} is passed over");
                            }
                        }
                    }
                }
                prop_assert_eq!(schedule.is_empty(), waits.is_empty());
            }
        }
    }
}
