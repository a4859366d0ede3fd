//! Words for a shell that a person types at.

/// Words, each quoted where it needs to be.
pub fn words<'a>(argv: impl IntoIterator<Item = &'a str>) -> String {
    argv.into_iter().map(word).collect::<Vec<_>>().join(" ")
}

/// One word, quoted where it needs to be.
pub(super) fn word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    // Whoever types it at night reads `"it's"` more easily than `'it'\''s'`.
    if word.contains('\'') && !word.contains(['"', '$', '`', '\\', '!']) {
        return format!("\"{word}\"");
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// One word in which the shell puts the values of variables and nothing else.
pub(super) fn with_variables(word: &str) -> String {
    let mut quoted = String::from("\"");
    for c in word.chars() {
        if matches!(c, '"' | '\\' | '`') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_meant() {
        let said = words(["a-b", "c d", "it's", "", "$x", "`y`", "\"z\\", "it's $x"]);
        assert_eq!(said, r#"a-b 'c d' "it's" '' '$x' '`y`' '"z\' 'it'\''s $x'"#);
        let script = format!("A='v w'; printf '[%s]' {said} {}", with_variables("$A \"x\" `y` \\"));
        let output = std::process::Command::new("sh").args(["-c", &script]).output().expect("a shell");
        let read = String::from_utf8(output.stdout).expect("text");
        assert_eq!(read, "[a-b][c d][it's][][$x][`y`][\"z\\][it's $x][v w \"x\" `y` \\]");
    }
}
