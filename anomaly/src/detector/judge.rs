//! Too many, too few, none at all, too many failures.

use super::{Detector, QUIET_S};
use crate::anomaly::{Anomaly, AnomalyId, Kind};
use crate::series::{Normal, SLOTS, Series};
use crate::source::{Samples, Source};
use crate::{TemplateId, limits};

/// Slots within which failures are a burst.
const BURST_SLOTS: usize = 2;
/// Fewer failures are no burst.
const BURST_LEAST: f64 = 10.0;
/// A log whose longest pause was short is silent after this at the earliest, in seconds.
const SILENCE_LEAST_S: u64 = 2 * 3600;
/// How often its longest pause a log has to pause to be silent.
const SILENCE_TIMES: u64 = 4;
/// Lines a log needs to have had before its pauses mean anything.
const SILENCE_LINES_LEAST: u64 = 50;

/// One judgement about a rate, before anybody asked whether to tell it.
struct Verdict {
    kind: Kind,
    template: Option<TemplateId>,
    seen: u32,
    slots: usize,
    normal: Normal,
    score: f64,
    samples: Vec<String>,
}

/// What is unusual about the last hour of a source; `hour` is the hour of the week in its middle,
/// where it is known and was watched.
pub(super) fn rates(detector: &mut Detector, index: usize, hour: Option<usize>) -> Vec<Anomaly> {
    let age_s = detector.clock.age_s;
    let warmup_s = detector.settings.warmup_s;
    let Some(source) = detector.sources.get_mut(index) else { return Vec::new() };
    if source.known_s(age_s) < warmup_s {
        return Vec::new();
    }
    let quiet = |told: Option<u64>| told.is_some_and(|told| age_s.saturating_sub(told) < QUIET_S);
    let mut verdicts = Vec::new();
    if let Some(hour) = hour {
        if !quiet(source.excess)
            && let Some(verdict) = burst(source, hour).or_else(|| many(source, hour))
        {
            source.excess = Some(age_s);
            verdicts.push(verdict);
        }
        if !quiet(source.lack)
            && !source.is_silent
            && let Some(verdict) = few(source, hour)
        {
            source.lack = Some(age_s);
            source.is_silent = verdict.kind == Kind::SourceSilent;
            verdicts.push(verdict);
        }
    }
    let mut anomalies: Vec<_> =
        verdicts.into_iter().filter_map(|verdict| told(detector, index, verdict)).collect();
    anomalies.extend(paused(detector, index));
    anomalies
}

fn normal(series: &Series, hour: usize) -> Option<Normal> {
    series.normal(hour)
}

fn burst(source: &Source, hour: usize) -> Option<Verdict> {
    let seen = source.failures.last(BURST_SLOTS);
    let normal = normal(&source.failures, hour)?;
    let bound = BURST_LEAST.max(1.3 * normal.high);
    let samples = &source.recent_failures;
    (f64::from(seen) > bound).then(|| Verdict {
        kind: Kind::FailureBurst,
        template: None,
        seen,
        slots: BURST_SLOTS,
        normal,
        score: excess(seen, &normal),
        samples: samples.get(),
    })
}

/// The template that has far too many lines, or else the log as a whole.
fn many(source: &Source, hour: usize) -> Option<Verdict> {
    let verdict = |series: &Series, template, samples: &Samples| {
        let seen = series.last(SLOTS);
        let normal = normal(series, hour)?;
        (f64::from(seen) > normal.too_many()).then(|| Verdict {
            kind: Kind::RateSpike,
            template,
            seen,
            slots: SLOTS,
            normal,
            score: excess(seen, &normal),
            samples: samples.get(),
        })
    };
    let of_templates = source
        .followed
        .iter()
        .filter_map(|(id, followed)| verdict(&followed.series, Some(*id), &followed.recent));
    of_templates
        .max_by_key(|verdict| (verdict.seen, verdict.template))
        .or_else(|| verdict(&source.all, None, &source.recent))
}

/// The log as a whole, or else the template that is missed most.
fn few(source: &Source, hour: usize) -> Option<Verdict> {
    let verdict = |kind, template, series: &Series, normal: Normal, samples: &Samples| Verdict {
        kind,
        template,
        seen: series.last(SLOTS),
        slots: SLOTS,
        normal,
        score: lack(series.last(SLOTS), &normal),
        samples: samples.get(),
    };
    let seen = source.all.last(SLOTS);
    let all = normal(&source.all, hour)?;
    if seen == 0 && all.is_never_silent() {
        return Some(verdict(Kind::SourceSilent, None, &source.all, all, &source.recent));
    }
    if f64::from(seen) <= all.too_few() {
        return Some(verdict(Kind::RateDrop, None, &source.all, all, &source.recent));
    }
    let of_templates = source.followed.iter().filter_map(|(id, followed)| {
        let normal = normal(&followed.series, hour)?;
        let is_few = f64::from(followed.series.last(SLOTS)) <= normal.too_few();
        is_few
            .then(|| verdict(Kind::RateDrop, Some(*id), &followed.series, normal, &followed.recent))
    });
    of_templates.max_by(|one, other| {
        one.normal.median.total_cmp(&other.normal.median).then(one.template.cmp(&other.template))
    })
}

/// A log that pauses far longer than ever, whatever the hour.
fn paused(detector: &mut Detector, index: usize) -> Option<Anomaly> {
    let age_s = detector.clock.age_s;
    let source = detector.sources.get_mut(index)?;
    let pause_s = age_s.saturating_sub(source.last);
    let longest_s = source.gap_max.saturating_mul(SILENCE_TIMES).max(SILENCE_LEAST_S);
    if source.is_silent || source.lines < SILENCE_LINES_LEAST || pause_s <= longest_s {
        return None;
    }
    source.is_silent = true;
    let name = source.name.clone();
    let (gap_max, samples) = (source.gap_max, source.recent.get());
    let id = AnomalyId::new(Kind::SourceSilent, &name, "");
    detector.may_tell(id).then(|| Anomaly {
        kind: Kind::SourceSilent,
        id,
        source: name,
        expected: format!("<= {} min", gap_max / 60),
        seen: format!("{} min", pause_s / 60),
        score: super::beyond(pause_s, gap_max),
        samples,
        template: None,
        value: None,
    })
}

fn told(detector: &mut Detector, index: usize, verdict: Verdict) -> Option<Anomaly> {
    let source = detector.sources.get(index)?;
    let name = source.name.clone();
    let template = verdict.template.and_then(|id| source.miner.template(id));
    let template = template.map(|template| (template.id, template.text.clone()));
    let of = template.as_ref().map(|(id, _)| id.to_string()).unwrap_or_default();
    let id = AnomalyId::new(verdict.kind, &name, &of);
    let Normal { median, high, low, .. } = verdict.normal;
    let minutes = verdict.slots * 60 / SLOTS;
    let mut samples = verdict.samples;
    samples.truncate(limits::SAMPLES_MAX);
    detector.may_tell(id).then(|| Anomaly {
        kind: verdict.kind,
        id,
        source: name,
        expected: format!("{median:.0}/h ({low:.0}-{high:.0})"),
        seen: format!("{}/{minutes} min", verdict.seen),
        score: verdict.score,
        samples,
        template,
        value: None,
    })
}

fn excess(seen: u32, normal: &Normal) -> f64 {
    (1.0 - normal.high / f64::from(seen).max(1.0)).clamp(0.0, 1.0)
}

fn lack(seen: u32, normal: &Normal) -> f64 {
    (1.0 - f64::from(seen) / normal.low.max(1.0)).clamp(0.0, 1.0)
}
