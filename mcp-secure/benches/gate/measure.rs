//! Times, one by one: a mean would hide what a percentile shows.

use std::time::{Duration, Instant};

#[derive(Default)]
pub(crate) struct Samples {
    nanos: Vec<u64>,
}

impl Samples {
    pub(crate) fn add(&mut self, took: Duration) {
        self.nanos.push(u64::try_from(took.as_nanos()).unwrap());
    }

    pub(crate) fn p50(&mut self) -> f64 {
        self.percentile(50)
    }

    pub(crate) fn line(&mut self) -> String {
        format!("{:>9.2} {:>9.2}", self.percentile(50), self.percentile(99))
    }

    /// In microseconds.
    fn percentile(&mut self, percent: usize) -> f64 {
        self.nanos.sort_unstable();
        let at = (self.nanos.len() * percent / 100).min(self.nanos.len() - 1);
        micros(Duration::from_nanos(self.nanos[at])).parse().unwrap()
    }
}

pub(crate) fn micros(time: Duration) -> String {
    format!("{:.3}", time.as_nanos() as f64 / 1000.0)
}

pub(crate) async fn timed<T>(work: impl Future<Output = T>) -> (Duration, T) {
    let clock = Instant::now();
    let done = work.await;
    (clock.elapsed(), done)
}

pub(crate) fn clock_cost() -> Duration {
    let mut samples: Vec<Duration> = (0..10_000).map(|_| Instant::now().elapsed()).collect();
    samples.sort_unstable();
    samples[samples.len() / 2]
}
