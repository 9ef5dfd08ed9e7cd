//! What must hold in every state.

/// A promise of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Promise {
    /// At most one session is ever started in the place of another, or for an unknown id, while the record of that is
    /// kept.
    OneSuccessor,
    /// Of the sessions that follow each other at most one is stored as active.
    OneLiveInAChain,
    /// What is ended stays as it is, and nothing follows it.
    EndedStaysEnded,
    /// A record that exists is never put again.
    NothingIsOverwritten,
    /// No session lives through a silence longer than the timeout.
    SilenceEndsASession,
    /// The last activity never moves backwards.
    ActivityMovesForward,
    /// Only logins, heartbeats and renewals move the last activity.
    OnlyHeartbeatsMoveActivity,
    /// A session never ends before it started, or before its last activity.
    DurationIsNotNegative,
    /// A record that points to another is kept no longer than that one.
    NoPointerOutlivesItsTarget,
    /// A pointer is only ever moved on along its chain.
    PointersMoveForward,
    /// The session that an answer names was started, and the id that was asked about leads there; of an id that has a
    /// record no answer says that it has none.
    AnswersNameWhatExists,
    /// A repeat of a request is answered with the same session, as long as that is live.
    RepeatsAgree,
    /// A heartbeat that is repeated is answered in the end, with the head of its chain.
    RepeatedHeartbeatsAreAnswered,
    /// The limit ends no session that is among the most recently active, as many as may be live.
    TheLimitSparesTheRecent,
    /// Once all starts are answered no more sessions are live than may be.
    TheLimitIsKept,
    /// A session that is live by any host's clock is in the index.
    WhatIsLiveIsListed,
    /// Ending the others spares the caller's own chain.
    EndOthersSparesTheCaller,
    /// Once all others are said to be ended, none goes on that was live when they were looked for.
    EndOthersEndsTheOthers,
}
