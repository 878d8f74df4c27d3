//! Plain English: words that say nothing about any domain.

/// Whether a word, in small letters, is plain language.
pub(crate) fn is_plain(word: &str) -> bool {
    WORDS.split_ascii_whitespace().any(|it| it == word)
}

/// Whether a word before a phrase negates it.
pub(crate) fn negates(word: &str) -> bool {
    matches!(
        word,
        "no" | "not"
            | "without"
            | "never"
            | "except"
            | "excluding"
            | "don't"
            | "doesn't"
            | "won't"
            | "shouldn't"
            | "isn't"
            | "aren't"
            | "can't"
            | "cannot"
            | "neither"
            | "nor"
            | "skip"
            | "exclude"
            | "omit"
            | "don’t"
            | "doesn’t"
    )
}

/// Whether a word, in small letters, speaks of people.
pub(crate) fn is_person(word: &str) -> bool {
    PEOPLE.split_ascii_whitespace().any(|it| it == word)
}

/// Whether a word, in small letters, says at the beginning of a sentence what is to be done.
pub(crate) fn is_order(word: &str) -> bool {
    ORDERS.split_ascii_whitespace().any(|it| it == word)
}

const PEOPLE: &str = "
user users people person persons customer customers client clients member members visitor visitors
someone everyone anyone somebody everybody those guest guests buyer buyers reader readers student
students teacher teachers account accounts team teams company companies business businesses
organization organizations organisation organisations
";

const ORDERS: &str = "
launch publish release reprice price sell bill deliver write define ensure configure establish expand
extend update upgrade downgrade migrate rename move list display try test prepare plan switch replace
drop remove delete cancel open close keep charge ask send call track count limit cap double halve cut
";

const WORDS: &str = "
a an the this that these those it its they them their theirs he she his her we us our ours you your
yours i me my mine who whom whose which what when where why how
and or nor so then than as if while because since until unless though although but yet also too both
either neither just only even still again already always ever never not no without except excluding
don't doesn't won't shouldn't isn't aren't can't cannot don’t doesn’t exclude omit skip
of to in into on onto at by for from with within about over under between after before during through
per up down out off via like as across against along among around toward towards upon instead rather
is are was were be been being am do does did done doing have has had having can could may might must
shall should will would let lets let's ought
want wants wanted wish wishes like likes need needs needed require requires required please
add adds added adding build builds building create creates creating make makes making made implement
implements implementing introduce provide provides providing offer offers offering set setup set-up
put give gives get gets go goes run runs use uses used using have support supports supporting supported
enable enables enabling allow allows allowing permit permits handle handles handling include includes
including included develop developing design ship ships work works working take takes taking accept
accepts come comes keep keeps able ability help helps start starts begin choose chooses choosing pick
picks select selects see sees show shows view views look looks know bring brings receive receives
integrate integrates integrating cover covers covering deal exist exists become becomes do
feature features functionality function functions system systems application applications app apps
product products project projects platform platforms software site sites website websites web service
services solution solutions module modules component components thing things something everything
anything way ways part parts piece pieces code codebase backend back-end frontend front-end back front
end ends tool tools tech technology technologies technical stack stacks language database databases
requirement requirements following follows integration integrations existing new our available
user users people person persons customer customers client clients member members visitor visitors
someone everyone anyone somebody everybody who team teams company companies business businesses
one ones two three several many much more most some any all each every other others another same such
own few lot lots various different single multiple few whole
now later soon today first next last once
good well better best very really quite simple simply easy easily basically fully complete whole
full proper properly possible right nice clean
here there thus hence therefore etc eg ie e.g i.e e.g. i.e. example namely plus
time times hold holds last lasts valid handled process processes processed processing
raise raises lower lowers increase increases decrease decreases reduce reduces change changes remember forget
in-app kind kinds type types sort sorts form option options mode
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_are_known_and_others_are_not() {
        assert!(is_plain("the") && is_plain("add") && !is_plain("reseller") && !is_plain("th"));
        assert!(negates("without") && !negates("with"));
    }
}
