//! What plugins have done, and what they keep themselves.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::metrics::MetricType;

use super::super::own::{Kind, Series, Value};
use super::super::plugin::PluginMetrics;
use super::{Families, Text};

/// A name, what it says, and how it is read.
type Reading<T> = (&'static str, &'static str, fn(&PluginMetrics) -> T);

const COUNTERS: [Reading<u64>; 7] = [
    ("plugin_traps", "Calls that ended in a trap", |plugin| plugin.traps.get()),
    ("plugin_long_calls", "Calls that left their worker", |plugin| plugin.long_calls.get()),
    ("plugin_saturated", "Exchanges without an instance", |plugin| plugin.saturated.get()),
    ("plugin_skips", "Exchanges that went on without", |plugin| plugin.skips.get()),
    ("plugin_starts", "Instances made", |plugin| plugin.starts.get()),
    ("plugin_renewals", "Instances made new again", |plugin| plugin.renewals.get()),
    ("log_dropped", "Log messages of plugins dropped", |plugin| plugin.log_dropped.get()),
];

const GAUGES: [Reading<i64>; 3] = [
    ("plugin_instances", "Instances alive", |plugin| plugin.instances.get()),
    ("plugin_waiting", "Exchanges waiting for one", |plugin| plugin.waiting.get()),
    ("plugin_memory_bytes_max", "The most that one instance has used", |plugin| {
        i64::try_from(plugin.memory_bytes_max()).unwrap_or(i64::MAX)
    }),
];

impl Families {
    pub(super) fn encode_plugins(&self, text: &mut Text<'_>) -> fmt::Result {
        let plugins = self.plugins.all();
        text.counters("plugin_calls", "Calls of a plugin", |family| {
            plugins.iter().try_for_each(|(plugin, metrics)| {
                metrics.phases().try_for_each(|(phase, durations)| {
                    family.put(&[("plugin", plugin), ("phase", phase)], durations.count())
                })
            })
        })?;
        text.histograms(
            "plugin_duration_seconds",
            "From the right to an instance to the end of the call",
            plugins.iter().flat_map(|(plugin, metrics)| {
                let labels = |phase| [("plugin", &**plugin), ("phase", phase)];
                metrics.phases().map(move |(phase, durations)| (labels(phase), durations))
            }),
        )?;
        text.counters("plugin_cpu_seconds", "For how long a plugin ran", |family| {
            plugins.iter().try_for_each(|(plugin, metrics)| {
                family.put(&[("plugin", plugin)], metrics.cpu().as_secs_f64())
            })
        })?;
        text.histograms(
            "plugin_queue_seconds",
            "How long those exchanges waited for an instance that had to",
            plugins.iter().map(|(plugin, metrics)| ([("plugin", &**plugin)], &metrics.queue)),
        )?;
        text.counters("plugin_timeouts", "Calls cut at their limit", |family| {
            plugins.iter().try_for_each(|(plugin, metrics)| {
                let limits = [("cpu", &metrics.cpu_timeouts), ("wall", &metrics.wall_timeouts)];
                limits.into_iter().try_for_each(|(limit, counter)| {
                    family.put(&[("plugin", plugin), ("limit", limit)], counter.get())
                })
            })
        })?;
        text.counters("plugin_host_calls", "Calls of the gateway by a plugin", |family| {
            plugins.iter().try_for_each(|(plugin, metrics)| {
                metrics.host_calls().try_for_each(|(interface, calls)| {
                    family.put(&[("plugin", plugin), ("interface", interface.as_str())], calls)
                })
            })
        })?;
        for (name, help, read) in COUNTERS {
            text.counters(name, help, |family| {
                plugins.iter().try_for_each(|(plugin, metrics)| {
                    family.put(&[("plugin", plugin)], read(metrics))
                })
            })?;
        }
        for (name, help, read) in GAUGES {
            let values = plugins.iter().map(|(plugin, all)| ([("plugin", &**plugin)], read(all)));
            text.gauges(name, help, values)?;
        }
        Ok(())
    }

    /// What only some plugins have.
    pub(super) fn encode_some_plugins(&self, text: &mut Text<'_>) -> fmt::Result {
        let plugins = self.plugins.all();
        text.counters("plugin_http_calls", "Requests that plugins sent", |family| {
            plugins.iter().try_for_each(|(plugin, metrics)| {
                metrics.calls.outcomes().iter().try_for_each(|(outcome, n)| {
                    family.put(&[("plugin", plugin), ("outcome", outcome)], *n)
                })
            })
        })?;
        text.histograms(
            "plugin_http_duration_seconds",
            "From a plugin's request to the head of its response",
            plugins
                .iter()
                .filter(|(_, metrics)| metrics.calls.duration.count() > 0)
                .map(|(plugin, metrics)| ([("plugin", &**plugin)], &metrics.calls.duration)),
        )?;
        text.counters("plugin_shadow_decisions", "Decisions without effect", |family| {
            plugins.iter().try_for_each(|(plugin, metrics)| {
                metrics.shadow_decisions.all().try_for_each(|(decision, n)| {
                    family.put(&[("plugin", plugin), ("decision", decision)], n)
                })
            })
        })?;
        text.counters(
            "plugin_shadow_differences",
            "Those unlike the stable version's",
            |family| {
                plugins.iter().try_for_each(|(plugin, metrics)| {
                    match metrics.shadow_differences.get() {
                        0 => Ok(()),
                        differences => family.put(&[("plugin", plugin)], differences),
                    }
                })
            },
        )?;
        Ok(())
    }

    /// Grouped by name over all plugins, as the format wants it.
    pub(super) fn encode_own(&self, text: &mut Text<'_>) -> fmt::Result {
        let plugins: Vec<_> = self
            .plugins
            .all()
            .into_iter()
            .map(|(plugin, metrics)| (plugin, metrics.own.all()))
            .collect();
        let mut by_name: BTreeMap<&str, Vec<(&str, &Series)>> = BTreeMap::new();
        for (plugin, all) in &plugins {
            for series in all.iter() {
                by_name.entry(&series.name).or_default().push((plugin, series));
            }
        }
        for (name, all) in by_name {
            let Some(kind) = all.first().map(|(_, series)| series.kind()) else { continue };
            let name = format!("plugin_{name}");
            let mut family = text.family(
                &name,
                "Kept by plugins",
                match kind {
                    Kind::Counter => MetricType::Counter,
                    Kind::Histogram => MetricType::Histogram,
                },
            )?;
            for (plugin, series) in all.iter().filter(|(_, series)| series.kind() == kind) {
                let own = series.labels.iter().map(|(name, value)| (&**name, &**value));
                let labels: Vec<_> = [("plugin", *plugin)].into_iter().chain(own).collect();
                match &series.value {
                    Value::Counter(sum) => family.put(&labels, sum.get())?,
                    Value::Histogram(histogram) => family.put_histogram(&labels, histogram)?,
                }
            }
        }
        Ok(())
    }
}
