//! On which processor a seed is played.

/// Keeps a thread, and those that it starts, on one processor, the `n`th of those there are: a seed's
/// work goes to and fro between its own thread and that of its database, never both at once, and
/// waking a thread on another processor costs more than what it then does. Where it cannot be done,
/// nothing is lost but time.
#[cfg(target_os = "linux")]
pub fn stay_on_one_processor(n: usize) {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let Ok(allowed) = sched_getaffinity(None) else { return };
    let all: Vec<_> = (0..CpuSet::MAX_CPU).filter(|at| allowed.is_set(*at)).collect();
    let mut one = CpuSet::new();
    one.set(all[n % all.len()]);
    let _refused = sched_setaffinity(None, &one);
}

/// The same where nobody can be kept.
#[cfg(not(target_os = "linux"))]
pub fn stay_on_one_processor(_: usize) {}
