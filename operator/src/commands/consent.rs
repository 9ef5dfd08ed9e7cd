//! A person's consent to what cannot be undone.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Result, ensure};

/// Whether a person sits there who can be asked. What they are asked goes to standard error, since standard output may
/// be read by a program.
pub(super) fn is_somebody_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks, and fails unless the answer is `yes`, in full.
pub fn ask(question: &str, mut answers: impl BufRead, mut asked: impl Write) -> Result<()> {
    write!(asked, "{question} Type yes to go on: ")?;
    asked.flush()?;
    let mut answer = String::new();
    answers.read_line(&mut answer)?;
    ensure!(answer.trim() == "yes", "the answer was not yes: nothing was changed");
    Ok(())
}
