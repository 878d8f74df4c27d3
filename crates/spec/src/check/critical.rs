//! The critical path that a plan names, against the tasks and their hours.

use std::collections::HashMap;

use super::copies::{field, is_task};
use super::totals::minutes;
use super::{Input, finding};
use crate::circle::circles;
use crate::diagnostic::Diagnostic;
use crate::work::Work;
use crate::{Kind, Node, rules};

/// The tasks of `**Critical Path:** T001 Title → T004 Title`.
pub(super) fn steps(node: &Node) -> impl Iterator<Item = &str> {
    let words = node.text.split('→').filter_map(|it| it.split_whitespace().next());
    words.filter(|it| is_task(it))
}

/// Checks that each step waits for the one before it, and that no chain of tasks takes longer. Where the
/// hours of a task are not known, nothing is said of lengths.
pub(super) fn check(files: &[Input<'_>], works: &[Work<'_>], found: &mut Vec<Diagnostic>) {
    let mut tasks = files.iter().zip(works).filter(|(file, _)| file.document.kind == Kind::Tasks);
    let Some((list, work)) = tasks.next().filter(|(_, work)| work.is_ordered) else { return };
    let after: Vec<Vec<usize>> = work.jobs.iter().map(|job| job.after.clone()).collect();
    if circles(&after).contains(&true) {
        return;
    }
    let by_name: HashMap<&str, usize> =
        work.jobs.iter().enumerate().map(|(n, job)| (job.name, n)).collect();
    for plan in files.iter().filter(|file| file.document.kind == Kind::Plan) {
        let Some(node) = field(plan, "Critical Path") else { continue };
        let named: Option<Vec<usize>> = steps(node).map(|id| by_name.get(id).copied()).collect();
        let Some(named) = named.filter(|it| !it.is_empty()) else { continue };
        let said =
            gap(&named, work).or_else(|| longer(&named, work, &lengths(list, work, &after)?));
        if let Some(what) = said {
            found.push(finding(plan, node, &rules::TOTAL, None, what));
        }
    }
}

/// A step that does not wait for the one before it.
fn gap(named: &[usize], work: &Work<'_>) -> Option<String> {
    let broken = named.windows(2).find(|it| !work.jobs[it[1]].after.contains(&it[0]))?;
    let name = |n: usize| work.jobs[n].name;
    Some(format!(
        "on the critical path, task {} does not depend on {}, which stands before it",
        name(broken[1]),
        name(broken[0])
    ))
}

/// A chain that takes longer than the one that is named.
fn longer(named: &[usize], work: &Work<'_>, lengths: &Lengths) -> Option<String> {
    let own: u64 = named.iter().map(|n| lengths.own[*n]).sum();
    let (last, whole) = lengths.whole.iter().enumerate().max_by_key(|(_, it)| **it)?;
    let hours = |minutes: u64| minutes as f64 / 60.0;
    (own < *whole).then(|| {
        format!(
            "the critical path takes {} hours, and the tasks up to {} take {}",
            hours(own),
            work.jobs[last].name,
            hours(*whole)
        )
    })
}

/// Minutes of each task, and of the longest chain that ends with it.
struct Lengths {
    own: Vec<u64>,
    whole: Vec<u64>,
}

fn lengths(list: &Input<'_>, work: &Work<'_>, after: &[Vec<usize>]) -> Option<Lengths> {
    let mut own = vec![0; work.jobs.len()];
    for (n, job) in work.leaves().filter(|(_, job)| !job.is_checkpoint) {
        own[n] = minutes(&list.document.nodes[job.node].text)?;
    }
    let mut whole: Vec<Option<u64>> = vec![None; own.len()];
    // A task, and how many of those it waits for are done. There are no circles.
    let mut open: Vec<(usize, usize)> = Vec::new();
    for n in 0..own.len() {
        open.push((n, 0));
        while let Some((task, at)) = open.last_mut() {
            if let Some(first) = after[*task].get(*at) {
                *at += 1;
                open.extend(whole[*first].is_none().then_some((*first, 0)));
                continue;
            }
            let longest = after[*task].iter().filter_map(|it| whole[*it]).max().unwrap_or(0);
            whole[*task] = Some(own[*task] + longest);
            open.pop();
        }
    }
    Some(Lengths { own, whole: whole.into_iter().flatten().collect() })
}
