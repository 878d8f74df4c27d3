//! What people changed by hand, taken over into the pieces.

use super::{ByHand, Done, Numbers};
use crate::power::{Field, FragmentKind, Piece};

/// The area of tasks for criteria that were added by hand.
const AREA: &str = "additions";

/// Puts the criteria as people wrote them in place of those of the power, with a task for each one that
/// is new. `numbers` hold those of the new ones. Answers the completed tasks that the spec no longer asks
/// for, which stay.
pub(super) fn take_over(
    pieces: &mut Vec<Piece>,
    numbers: &Numbers,
    by_hand: &ByHand,
) -> Vec<String> {
    let mut added = false;
    for (id, text) in &by_hand.criteria {
        let place = pieces.iter().position(|it| it.kind == FragmentKind::Criterion && it.id == *id);
        match (place, text) {
            (Some(place), Some(text)) => pieces[place].set("text", text),
            (Some(place), None) => {
                pieces.remove(place);
            }
            (None, Some(text)) => {
                let Some(number) = numbers.criteria.get(id) else { continue };
                add(pieces, numbers, id, *number, text);
                added = true;
            }
            (None, None) => {}
        }
    }
    if added {
        let title = [("title", Field::Text("Additions".into()))];
        pieces.push(Piece::by_hand(FragmentKind::Area, AREA, &title));
    }
    let is_there = |id: &str| pieces.iter().any(|it| it.kind == FragmentKind::Task && it.id == id);
    let unwanted: Vec<String> = by_hand.done.keys().filter(|id| !is_there(id)).cloned().collect();
    for id in &unwanted {
        retain(pieces, id, &by_hand.done[id]);
    }
    pieces.sort_by_key(|it| it.kind);
    unwanted
}

/// Puts a completed task among the pieces that the spec no longer asks for: nobody waits for it.
fn retain(pieces: &mut Vec<Piece>, id: &str, done: &Done) {
    if !pieces.iter().any(|it| it.kind == FragmentKind::Area && it.fragment == done.area) {
        let title = [("title", Field::Text(done.phase.clone()))];
        pieces.push(Piece::by_hand(FragmentKind::Area, &done.area, &title));
    }
    let words = |it: &str| Field::Text(it.into());
    let minutes = Field::Number(done.hours.unwrap_or(0) * 60);
    let fields = [("area", words(&done.area)), ("title", words(&done.title)), ("minutes", minutes)];
    pieces.push(Piece::by_hand(FragmentKind::Task, id, &fields));
}

fn add(pieces: &mut Vec<Piece>, numbers: &Numbers, id: &str, number: (usize, usize), text: &str) {
    let (requirement, n) = number;
    let under = numbers.requirements.iter().find(|(_, it)| **it == requirement);
    let under = under.map(|(id, _)| id.clone()).unwrap_or_default();
    let thing = Field::List(vec![Field::Text(format!("thing:{id}"))]);
    let words = |it: &str| Field::Text(it.into());
    pieces.push(Piece::by_hand(
        FragmentKind::Criterion,
        id,
        &[("under", words(&under)), ("text", words(text)), ("needs", thing.clone())],
    ));
    pieces.push(Piece::by_hand(
        FragmentKind::Task,
        &format!("meet-{id}"),
        &[
            ("area", words(AREA)),
            ("title", words(&format!("Meet criterion {requirement}.{n}"))),
            ("text", words("Which files and commands it takes is an open question: the criterion was added by hand.")),
            ("provides", thing),
            ("minutes", Field::Number(120)),
        ],
    ));
}
