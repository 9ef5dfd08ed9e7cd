//! What each scenario needs: a table full of sessions, and a function that is invoked.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use local::{Options, Storage};
use shared::{
    sessions::{Settings, rules::Session},
    settings::Environment,
};

use crate::{
    lambda::{CpuShare, Function, Lambda},
    report::Report,
    sessions::Sessions,
};

/// How a scenario is to be.
#[derive(Args, Clone, Debug)]
pub struct Setup {
    /// How many live sessions the user has
    #[arg(long, value_name = "COUNT", default_value_t = 20_000)]
    pub sessions: u32,
    /// The function's binary [default: target/lambda/NAME/bootstrap]
    #[arg(long, value_name = "FILE")]
    pub function: Option<PathBuf>,
    /// Another memory than the template's
    #[arg(long, value_name = "MB")]
    pub memory: Option<u32>,
    /// Another timeout than the template's
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
    /// Limit the CPU to the share that Lambda gives with the memory; exact as root alone, by a control group
    #[arg(long)]
    pub cpu_share: bool,
    /// An environment variable of the function, beside the template's; may be repeated
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = pair)]
    pub environment: Vec<(String, String)>,
    /// Where the function's log lines go; what the file had is gone
    #[arg(long, value_name = "FILE", default_value = "target/bench-function.log")]
    pub log: PathBuf,
}

/// The table and the function of a scenario.
pub(super) struct Stage {
    storage: Storage,
    settings: Settings,
    function: Function,
    limits_cpu: bool,
}

impl Stage {
    /// An empty table, and the function of that name. The function's own variables in `wanted` may be other ones than
    /// the template's; those of the command line win over both.
    pub(super) async fn set(setup: &Setup, name: &str, wanted: &[(&str, String)]) -> Result<Self> {
        let built = || Path::new("target/lambda").join(name).join("bootstrap");
        let program = setup.function.clone().unwrap_or_else(built);
        ensure!(
            program.is_file(),
            "there is no {}: build it with `cargo lambda build --release -p {name}`, or with \
             `cargo build --release -p {name}` and `--function target/release/{name}`",
            program.display()
        );
        let program = program.canonicalize()?;
        File::create(&setup.log).with_context(|| format!("creating {}", setup.log.display()))?;
        let storage = Storage::in_memory(&Options::default()).await?;
        let function = storage.template.functions.iter().find(|function| function.crate_name == name);
        let function = function.with_context(|| format!("the template has no function {name}"))?;
        let variables = &function.environment;
        let settings = Settings::read(&Environment::new(&|name| variables.get(name).cloned()))?;
        let mut environment: BTreeMap<String, String> = variables.clone();
        let engine = [
            ("AWS_ENDPOINT_URL_DYNAMODB", storage.url.as_str()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "bench"),
            ("AWS_SECRET_ACCESS_KEY", "bench"),
        ];
        environment.extend(engine.map(|(name, value)| (name.to_owned(), value.to_owned())));
        environment.extend(wanted.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        environment.extend(setup.environment.iter().cloned());
        let function = Function {
            program,
            memory: setup.memory.unwrap_or(function.memory),
            limits_memory: true,
            timeout: setup.timeout.map_or(function.timeout, Duration::from_secs),
            environment,
            log: setup.log.clone(),
        };
        Ok(Self { storage, settings, function, limits_cpu: setup.cpu_share })
    }

    /// The sessions of a user who has none yet.
    pub(super) fn sessions(&self) -> Result<Sessions<'_>> {
        Ok(Sessions::of("bench".parse()?, &self.storage, self.settings.clone()))
    }

    /// The function, which has yet to start.
    pub(super) fn lambda(&self) -> Lambda {
        let share = self.limits_cpu.then(|| CpuShare::of_memory(self.function.memory));
        Lambda::new(self.function.clone(), share)
    }

    /// Fills the table, and says what there is.
    pub(super) async fn fill(
        &self,
        sessions: &Sessions<'_>,
        count: u32,
        report: &mut Report<'_>,
    ) -> Result<Vec<Session>> {
        ensure!(count > 0, "there must be a session at least");
        let Function { program, memory, timeout, .. } = &self.function;
        let cpu = if self.limits_cpu {
            format!("Lambda's share for that, by {}", CpuShare::of_memory(*memory).means())
        } else {
            "not limited".to_owned()
        };
        report.say(&program.display().to_string())?;
        report.say(&format!("{memory} MB of address space, {timeout:?} for an invocation, CPU {cpu}"))?;
        let started = Instant::now();
        let filled = sessions.fill(count).await?;
        report.say(&format!("{count} live sessions, written in {} ms", started.elapsed().as_millis()))?;
        Ok(filled)
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    pair.ok_or_else(|| "expected NAME=VALUE".to_owned())
}
