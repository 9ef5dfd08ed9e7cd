//! What goes wrong between a function and DynamoDB, chosen at random.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use aws_smithy_runtime_api::{
    client::{orchestrator::HttpResponse, result::ConnectorError},
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use fastrand::Rng;
use serde_json::{Value, json};

/// What a caller gets.
pub(super) type Answered = Result<HttpResponse, ConnectorError>;

/// What one call meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// An answer of this error. Nothing is written.
    Error(u16, &'static str),
    /// A transaction that is cancelled for these reasons. Nothing is written.
    Cancelled([&'static str; 2]),
    /// A front end that answers with no error of DynamoDB's. Nothing is written.
    Unavailable,
    /// A connection that is reset. Nothing is written.
    Reset,
    /// An internal error after the write took effect.
    FailedAfter,
    /// No answer after the write took effect.
    Lost,
    /// It gets there late: the caller may have given up.
    LateThere(Duration),
    /// Its answer comes late.
    LateBack(Duration),
    /// It gets there twice.
    Twice,
    /// It gets there, is answered, and gets there once more later.
    Again(Duration),
    /// No answer, and it gets there later.
    Delayed(Duration),
    /// An answer that breaks off after the write took effect.
    Torn,
    /// A `BatchGetItem` that leaves all keys unprocessed.
    Unprocessed,
    /// A Query gives one item a page, and a `BatchGetItem` leaves all keys but one unprocessed.
    Piecemeal,
}

impl Fault {
    fn name(self) -> &'static str {
        match self {
            Self::Error(_, name) => name,
            Self::Cancelled(_) => "transaction cancelled",
            Self::Unavailable => "503",
            Self::Reset => "reset before",
            Self::FailedAfter => "internal error after",
            Self::Lost => "answer lost after",
            Self::LateThere(_) => "late there",
            Self::LateBack(_) => "late back",
            Self::Twice => "delivered twice",
            Self::Again(_) => "delivered again later",
            Self::Delayed(_) => "reset, delivered later",
            Self::Torn => "answer torn after",
            Self::Unprocessed => "keys unprocessed",
            Self::Piecemeal => "paged one by one",
        }
    }
}

/// What the kinds of faults are called, each error by its name: all that [`choose`] chooses.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let some = Duration::ZERO;
    let kinds = [
        Fault::Cancelled(["", ""]),
        Fault::Unavailable,
        Fault::Reset,
        Fault::FailedAfter,
        Fault::Lost,
        Fault::LateThere(some),
        Fault::LateBack(some),
        Fault::Twice,
        Fault::Again(some),
        Fault::Delayed(some),
        Fault::Torn,
        Fault::Unprocessed,
        Fault::Piecemeal,
    ];
    let errors = PASSING.into_iter().map(|(_, name)| name).chain([CONFLICT, IN_PROGRESS]).chain(REFUSALS);
    kinds.map(Fault::name).into_iter().chain(errors)
}

/// In a storm, so many calls of a hundred meet one.
const STORM: f64 = 90.0;

/// One call in so many begins a storm, where there are any; the first one comes within the first of so many.
const CALM: u32 = 300;
const FIRST: u32 = 60;

/// The faults of a round, and what is under way.
pub(super) struct Faults {
    percent: f64,
    has_storms: bool,
    refuses: bool,
    chance: Mutex<Chance>,
    on: AtomicBool,
    counts: Mutex<BTreeMap<&'static str, u64>>,
    calls: AtomicI64,
    under_way: AtomicI64,
    last: Mutex<Instant>,
}

struct Chance {
    random: Rng,
    /// So many more calls until the next storm, and until it is over.
    calm: u32,
    storm: u32,
}

/// A call is under way as long as this lives.
pub(super) struct UnderWay<'a>(&'a Faults);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
        *lock(&self.0.last) = Instant::now();
    }
}

impl Faults {
    /// So many calls of a hundred meet one, once it is switched on.
    pub(super) fn new(percent: f64, mut random: Rng) -> Self {
        Self {
            percent,
            has_storms: false,
            refuses: false,
            chance: Mutex::new(Chance { calm: random.u32(1..FIRST), storm: 0, random }),
            on: AtomicBool::new(false),
            counts: Mutex::default(),
            calls: AtomicI64::new(0),
            under_way: AtomicI64::new(0),
            last: Mutex::new(Instant::now()),
        }
    }

    /// Now and then nearly all calls in a row meet one, so that also what tries again and again gives up.
    pub(super) fn with_storms(self) -> Self {
        Self { has_storms: self.percent > 0.0, ..self }
    }

    /// Now and then a call is refused for a reason that another try does not mend, as if a permission were missing.
    pub(super) fn with_refusals(self, refuses: bool) -> Self {
        Self { refuses, ..self }
    }

    pub(super) fn switch(&self, on: bool) {
        self.on.store(on, Ordering::SeqCst);
    }

    /// How often each was met.
    pub(super) fn counts(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.counts).clone()
    }

    /// Calls so far.
    pub(super) fn calls(&self) -> u64 {
        u64::try_from(self.calls.load(Ordering::SeqCst)).unwrap_or_default()
    }

    pub(super) fn begin(&self) -> UnderWay<'_> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.hold()
    }

    /// Something that is done later is under way too.
    pub(super) fn hold(&self) -> UnderWay<'_> {
        self.under_way.fetch_add(1, Ordering::SeqCst);
        UnderWay(self)
    }

    /// Whether nothing is under way, and nothing was for so long.
    pub(super) fn are_quiet_for(&self, time: Duration) -> bool {
        self.under_way.load(Ordering::SeqCst) == 0 && lock(&self.last).elapsed() >= time
    }

    /// What a call of this operation meets, if anything.
    pub(super) fn choose(&self, operation: &str, body: &[u8]) -> Option<Fault> {
        if !self.on.load(Ordering::SeqCst) {
            return None;
        }
        let fault = {
            let Chance { random, calm, storm } = &mut *lock(&self.chance);
            let is_storm = self.has_storms && *calm == 0;
            if is_storm {
                *storm -= 1;
                if *storm == 0 {
                    *calm = random.u32(..2 * CALM);
                }
            } else {
                *calm = calm.saturating_sub(1);
            }
            if *calm == 0 && *storm == 0 {
                *storm = random.u32(20..100);
            }
            let percent = if is_storm { STORM } else { self.percent };
            (random.f64() * 100.0 < percent).then(|| choose(random, operation, body, self.refuses))?
        };
        *lock(&self.counts).entry(fault.name()).or_default() += 1;
        Some(fault)
    }
}

pub(super) fn is_write(operation: &str) -> bool {
    ["PutItem", "UpdateItem", "TransactWriteItems"].contains(&operation)
}

/// What says that another try may do, with its status.
const PASSING: [(u16, &str); 4] = [
    (400, "ThrottlingException"),
    (400, "ProvisionedThroughputExceededException"),
    (400, "RequestLimitExceeded"),
    (500, "InternalServerError"),
];

/// What a write is told that met a transaction.
const CONFLICT: &str = "TransactionConflictException";

/// What a transaction is told that met itself.
const IN_PROGRESS: &str = "TransactionInProgressException";

/// What says that another try is of no use.
const REFUSALS: [&str; 6] = [
    "AccessDeniedException",
    "ExpiredTokenException",
    "LimitExceededException",
    "ResourceNotFoundException",
    "UnrecognizedClientException",
    "ValidationException",
];

fn choose(random: &mut Rng, operation: &str, body: &[u8], refuses: bool) -> Fault {
    let is_transaction = operation == "TransactWriteItems";
    let is_write = is_write(operation);
    let has = |word: &str| body.windows(word.len()).any(|bytes| bytes == word.as_bytes());
    // Nothing in the item tells a repeat of this from a later request, so a copy on its way after the answer is one.
    let is_last_word = operation == "UpdateItem" && has("contentEngaged");
    loop {
        let late = Duration::from_millis(if random.u8(..50) == 0 {
            random.u64(1_400..2_200)
        } else {
            random.u64(..60)
        });
        let kind = random.u8(..22);
        let fault = match kind {
            0..4 => {
                let (status, name) = PASSING[usize::from(kind)];
                Fault::Error(status, name)
            }
            4 | 5 if is_write => Fault::FailedAfter,
            6 => Fault::Unavailable,
            7 => Fault::Reset,
            8 | 9 => Fault::Lost,
            10 if is_transaction => Fault::Cancelled(["TransactionConflict", "None"]),
            10 if is_write => Fault::Error(400, CONFLICT),
            11 if is_transaction => Fault::Error(400, IN_PROGRESS),
            12 if is_transaction => Fault::Cancelled(["None", "ThrottlingError"]),
            13 if is_transaction => Fault::Cancelled(["ProvisionedThroughputExceeded", "None"]),
            14 if is_transaction => Fault::Cancelled(["None", "TransactionConflict"]),
            15 => Fault::LateThere(late),
            16 => Fault::LateBack(late),
            17 if is_write => Fault::Twice,
            18 if is_write && !is_last_word => Fault::Again(late + Duration::from_millis(random.u64(..300))),
            19 if is_write && !is_last_word => {
                Fault::Delayed(late + Duration::from_millis(random.u64(..300)))
            }
            20 => Fault::Torn,
            21 if refuses => Fault::Error(400, REFUSALS[random.usize(..REFUSALS.len())]),
            17 | 18 if operation == "BatchGetItem" => Fault::Unprocessed,
            19 if operation == "BatchGetItem" => Fault::Piecemeal,
            // A page that counts stays whole: none is as large as DynamoDB's may be.
            17..=19 if operation == "Query" && !has("COUNT") => Fault::Piecemeal,
            _ => continue,
        };
        return fault;
    }
}

/// An error as DynamoDB answers it.
pub(super) fn error(status: u16, name: &str) -> Answered {
    let body = json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{name}"), "message": "injected" });
    answer(status, body.to_string().into_bytes())
}

/// A cancelled transaction.
pub(super) fn cancelled(codes: [&str; 2]) -> Answered {
    let reasons: Vec<Value> =
        codes.iter().map(|code| json!({ "Code": code, "Message": "injected" })).collect();
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "injected",
        "CancellationReasons": reasons,
    });
    answer(400, body.to_string().into_bytes())
}

/// Any answer.
pub(super) fn answer(status: u16, body: Vec<u8>) -> Answered {
    let status = StatusCode::try_from(status).map_err(|cause| ConnectorError::other(cause.into(), None))?;
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    Ok(response)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
