//! Counts as they are committed, and how new ones compare with them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};
use std::path::Path;

use serde::Deserialize;

/// By how much a count may grow, in per cent.
///
/// Several times what counts differ by for no reason, which is less than one per cent.
const GROWTH_PERCENT_MAX: u64 = 5;

/// Instructions by the name of what was counted.
pub(super) type Counts = BTreeMap<String, u64>;

/// Counts and what they were taken with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Baseline {
    rustc: String,
    valgrind: String,
    instructions: Counts,
}

impl Baseline {
    pub(super) fn new(rustc: &str, valgrind: &str, instructions: Counts) -> Self {
        Self { rustc: rustc.to_owned(), valgrind: valgrind.to_owned(), instructions }
    }

    /// Reads what [`Display`] wrote.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| format!("benches/counts.toml: {error}"))
    }

    /// How counts that were taken now compare with this baseline.
    pub(super) fn compare<'a>(&'a self, now: &'a Self) -> Comparison<'a> {
        let (old, new) = (&self.instructions, &now.instructions);
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let rows = names.into_iter().map(|name| {
            let (before, now) = (old.get(name).copied(), new.get(name).copied());
            (name.as_str(), before, now, Change::of(before, now))
        });
        let tools =
            [("rustc", &self.rustc, &now.rustc), ("valgrind", &self.valgrind, &now.valgrind)];
        let others = tools.into_iter().filter(|(_, before, now)| before != now);
        let others = others.map(|(tool, before, now)| {
            format!("the baseline was taken with {tool} {before}, these counts with {tool} {now}")
        });
        Comparison { rows: rows.collect(), others: others.collect() }
    }
}

impl Display for Baseline {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "# Instructions of one exchange and of one call of a plugin, on x86-64.")?;
        writeln!(f, "# Written by `cargo xtask counts --renew`; CONTRIBUTING.md says when.")?;
        writeln!(f, "rustc = \"{}\"\nvalgrind = \"{}\"\n", self.rustc, self.valgrind)?;
        writeln!(f, "[instructions]")?;
        self.instructions.iter().try_for_each(|(name, count)| writeln!(f, "{name} = {count}"))
    }
}

/// What became of a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Within,
    Grown,
    Gained,
    /// The baseline does not have it.
    New,
    /// Only the baseline has it.
    Gone,
}

impl Change {
    const fn of(before: Option<u64>, now: Option<u64>) -> Self {
        match (before, now) {
            (Some(before), Some(now)) if now * 100 > before * (100 + GROWTH_PERCENT_MAX) => {
                Self::Grown
            }
            (Some(before), Some(now)) if now * 100 < before * (100 - GROWTH_PERCENT_MAX) => {
                Self::Gained
            }
            (Some(_), Some(_)) => Self::Within,
            (None, _) => Self::New,
            (Some(_), None) => Self::Gone,
        }
    }

    const fn remark(self) -> &'static str {
        match self {
            Self::Within => "",
            Self::Grown => "grown",
            Self::Gained => "less: renew the baseline, so that the gain is kept",
            Self::New => "not in the baseline",
            Self::Gone => "only in the baseline",
        }
    }
}

/// Counts beside their baseline.
pub(super) struct Comparison<'a> {
    rows: Vec<(&'a str, Option<u64>, Option<u64>, Change)>,
    /// Which tools are others than the baseline's.
    others: Vec<String>,
}

impl Comparison<'_> {
    /// Whether all is within the bounds, else what is not and what to do. A gain is no failure.
    pub(super) fn verdict(&self, profiles: &Path) -> Result<(), String> {
        let failed = |change| matches!(change, Change::Grown | Change::New | Change::Gone);
        let names: Vec<_> = self
            .rows
            .iter()
            .filter(|row| failed(row.3))
            .map(|row| format!("`{}`", row.0))
            .collect();
        if names.is_empty() {
            return Ok(());
        }
        let others: String = self.others.iter().map(|other| format!("  {other}\n")).collect();
        Err(format!(
            "instruction counts that the baseline does not allow (at most {GROWTH_PERCENT_MAX} % more): {}\n\
             {others}\
             \x20 if that is meant: `cargo xtask counts --renew`, and say in the commit what it buys\n\
             \x20 if not: `callgrind_annotate` shows which functions the instructions are spent in;\n\
             \x20 profiles are in {}",
            names.join(", "),
            profiles.display()
        ))
    }
}

impl Display for Comparison<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:<16} {:>9} {:>9} {:>8}", "instructions", "baseline", "now", "change")?;
        let number = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |n| n.to_string());
        for &(name, before, now, change) in &self.rows {
            let percent = before.zip(now).map(|(before, now)| percent(before, now));
            let (before, now, percent) = (number(before), number(now), percent.unwrap_or_default());
            let row = format!("{name:<16} {before:>9} {now:>9} {percent:>8}  {}", change.remark());
            write!(f, "\n{}", row.trim_end())?;
        }
        self.others.iter().try_for_each(|other| write!(f, "\nnote: {other}"))
    }
}

/// By how much `now` is more.
fn percent(before: u64, now: u64) -> String {
    let tenths = (i128::from(now) - i128::from(before)) * 1000 / i128::from(before.max(1));
    let sign = if tenths < 0 { '-' } else { '+' };
    format!("{sign}{}.{} %", tenths.abs() / 10, tenths.abs() % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(counts: &[(&str, u64)]) -> Baseline {
        let counts = counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        Baseline::new("1.95.0", "3.19.0", counts)
    }

    /// The table of a comparison, and the first line of its refusal.
    fn compare(before: &[(&str, u64)], now: &[(&str, u64)]) -> (String, Result<(), String>) {
        let (before, now) = (baseline(before), baseline(now));
        let comparison = before.compare(&now);
        let verdict = comparison.verdict(Path::new("counts"));
        let first = |text: String| text.lines().next().unwrap_or_default().to_owned();
        (comparison.to_string(), verdict.map_err(first))
    }

    #[test]
    fn what_was_written_is_read() {
        let written = baseline(&[("empty-fresh", 20_000), ("plain", 60_000)]).to_string();
        assert_eq!(Baseline::read(&written).unwrap().to_string(), written);
    }

    #[test]
    fn five_per_cent_of_growth_pass_and_one_instruction_more_does_not() {
        assert_eq!(compare(&[("plain", 1000)], &[("plain", 1050)]).1, Ok(()));
        let (table, verdict) = compare(&[("plain", 1000)], &[("plain", 1051)]);
        assert_eq!(
            table,
            "instructions      baseline       now   change\n\
             plain                 1000      1051   +5.1 %  grown"
        );
        assert_eq!(
            verdict,
            Err("instruction counts that the baseline does not allow (at most 5 % more): `plain`"
                .into())
        );
    }

    #[test]
    fn a_gain_is_told_and_passes() {
        let (table, verdict) = compare(&[("plain", 1000)], &[("plain", 900)]);
        assert_eq!(
            table,
            "instructions      baseline       now   change\n\
             plain                 1000       900  -10.0 %  less: renew the baseline, so that the gain is kept"
        );
        assert_eq!(verdict, Ok(()));
    }

    #[test]
    fn what_only_one_side_has_is_refused() {
        let (table, verdict) = compare(&[("plain", 1000)], &[("other", 10)]);
        assert_eq!(
            table,
            "instructions      baseline       now   change\n\
             other                    -        10           not in the baseline\n\
             plain                 1000         -           only in the baseline"
        );
        assert!(verdict.is_err_and(|message| message.ends_with("`other`, `plain`")));
    }

    #[test]
    fn other_tools_are_told() {
        let before = baseline(&[("plain", 1000)]);
        let now = Baseline { rustc: "1.96.0".into(), ..baseline(&[("plain", 1200)]) };
        let other = "the baseline was taken with rustc 1.95.0, these counts with rustc 1.96.0";
        let comparison = before.compare(&now);
        assert!(comparison.to_string().ends_with(&format!("\nnote: {other}")));
        let verdict = comparison.verdict(Path::new("counts"));
        assert!(verdict.is_err_and(|message| message.contains(other)));
    }
}
