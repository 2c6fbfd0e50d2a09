//! How many instructions one exchange and one call of a plugin take, compared with a baseline.
//!
//! Times depend on the machine and its mood, the number of instructions hardly does, so a few
//! per cent can be seen in it on any machine. valgrind's callgrind counts; what is counted runs in a
//! process of its own, this program once more. Each figure is a difference of two counts, divided by
//! the number of turns that one of them has more, so that start, warm-up and end cancel out. It is
//! that of one thread, the one whose count differs most, because what other threads do
//! depends on the time that passes.
//!
//! The kernel's instructions are not counted: a system call counts as what leads to it. The
//! processor's waiting is not either, so a count says nothing of memory that is far away.

mod baseline;
mod call;
mod callgrind;
mod plain;

use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::thread;

use baseline::{Baseline, Counts};

/// Says to this program that it is counted, and doing what.
const ROLE: &str = "TIDEGATE_BENCH_COUNTED";

const USAGE: &str = "\
counts: instructions are counted by `cargo xtask counts`, which compiles for it and says how to go on
usage: instruction_counts --check | --renew";

/// What is to do with the counts.
#[derive(Clone, Copy)]
enum Purpose {
    Check,
    Renew,
}

/// The program. Profiles stay in the folder, for those who look for a difference.
#[must_use]
pub fn run(folder: &Path) -> ExitCode {
    if let Ok(role) = env::var(ROLE) {
        match call::Subject::named(&role) {
            Some(subject) => subject.run(),
            None => plain::serve(Path::new(&role)),
        }
        return ExitCode::SUCCESS;
    }
    // `cargo bench` gives arguments of its own.
    let purpose = env::args().skip(1).find_map(|argument| match argument.as_str() {
        "--check" => Some(Purpose::Check),
        "--renew" => Some(Purpose::Renew),
        _ => None,
    });
    let Some(purpose) = purpose else {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    };
    match counted(purpose, &folder.join("counts")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn counted(purpose: Purpose, folder: &Path) -> Result<(), String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("counts.toml");
    let counts = count(folder)?;
    let valgrind = callgrind::version()?;
    let now = Baseline::new(env!("BENCH_RUSTC"), &valgrind, counts);
    match purpose {
        Purpose::Renew => {
            fs::write(&file, now.to_string())
                .map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
            println!("{now}\ncounts: the baseline is renewed; commit it and say why");
            Ok(())
        }
        Purpose::Check => {
            let text = fs::read_to_string(&file)
                .map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
            let baseline = Baseline::read(&text)?;
            let comparison = baseline.compare(&now);
            println!("{comparison}");
            comparison.verdict(folder)
        }
    }
}

/// All at once, as far as there are processors: what they do beside each other changes no count.
fn count(folder: &Path) -> Result<Counts, String> {
    let subjects = call::subjects();
    let counted = thread::scope(|scope| {
        let calls = subjects
            .each_ref()
            .map(|subject| scope.spawn(move || subject.count(&folder.join(subject.name))));
        let plain = scope.spawn(|| plain::count(&folder.join("plain")));
        let threads = calls.into_iter().chain([plain]);
        threads.map(|thread| thread.join().expect("it does not panic")).collect::<Vec<_>>()
    });
    let counted: Result<Vec<_>, _> = counted.into_iter().collect();
    Ok(counted?.into_iter().flatten().collect())
}
