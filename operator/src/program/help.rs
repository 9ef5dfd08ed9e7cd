//! The command line, and what `--help` says of it.

use clap::{Command, Subcommand};

use super::{
    check, connection,
    setting::{SETTINGS, Setting},
    stack,
};

const ABOUT: &str = "Commands for those who run a deployment of User Sessions";

const LONG_ABOUT: &str = "\
Commands for those who run a deployment of User Sessions: look at it, count its sessions and mend its metrics, end a \
user's sessions, write out or erase what is stored of them.

They work on the deployment's DynamoDB tables with your credentials, and know no template (check looks at all of a \
stack). Each setting comes from its argument, else from an output of the stack that --stack names, or without one from \
its environment variable; standard error says which was taken from where. Nothing that changes a result has a default: \
what is missing is an error. export and erase need the sessions table alone, and end the timeout and the retention too. \
recount needs all five settings, and they must be the deployment's: another retention or time zone makes another count.";

/// Wrapped by hand, so that its indents stay.
const AFTER: &str = "\
AWS:
  Region and credentials come from where AWS tools look for them: AWS_PROFILE,
  AWS_REGION, AWS_ACCESS_KEY_ID, the files in ~/.aws (with `aws sso login`, or a
  credential_process), or the role of the machine. AWS_ENDPOINT_URL_DYNAMODB and
  AWS_ENDPOINT_URL_CLOUDFORMATION, or AWS_ENDPOINT_URL for all, name another
  place than AWS. docs/operations.md has the policy that each command needs.

Environment:
  SESSIONS_TABLE, METRICS_TABLE, SESSION_TIMEOUT_SECONDS,
  SESSION_RETENTION_DAYS, REPORTING_TIME_ZONE
             The settings, by the names that the deployed functions have them.
             An empty one counts as missing.
  LOG_LEVEL  error, warn, info, debug, trace or off.

Examples:
  Is a deployment well?
    operator --stack user-sessions check
  Do the metrics of a deployment agree with its sessions?
    operator --stack user-sessions recount
  The same in another account and region:
    AWS_PROFILE=production operator --stack user-sessions --region us-east-2 recount
  What is stored of a user:
    operator --stack user-sessions export 'auth0|5f7c8ec7c33c' > user.jsonl
  End all sessions of one whose account was closed:
    operator --stack user-sessions end 'auth0|5f7c8ec7c33c'
  Erase what is stored, from a table whose name you know:
    operator --sessions-table SessionsTable-1ABC erase 'auth0|5f7c8ec7c33c'
  From a checkout, `cargo run -p operator --` stands for `operator`.

Exit codes:
  0  Done: days agree, or the day is mended; all is written; nothing is left;
     all is well.
  1  Days differ, items or live sessions are left, something is not well, or it
     failed. Standard error says what, and what to do.
  2  The command line or a setting is missing or cannot be used. No table was
     read, and nothing was changed.";

/// The program's command line.
pub(super) fn program() -> Command {
    // The commands first: they would put their own description in the place of the program's.
    crate::Command::augment_subcommands(Command::new("operator"))
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .long_about(LONG_ABOUT)
        .after_long_help(AFTER)
        .subcommand(check::command())
        .subcommand_required(true)
        .arg_required_else_help(true)
        .arg(stack::arg())
        .args(SETTINGS.iter().map(Setting::arg))
        .args(connection::args())
}
