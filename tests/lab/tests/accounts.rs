//! What an emergency lost is listed and saved, can be written again, and is gone from the server that rejoined.

use std::path::{Path, PathBuf};

use crate::kills::killed_when;
use crate::lab::{Lab, lab};

const EMERGENCY: [&str; 10] = [
    "failover",
    "--to",
    "nuremberg",
    "--mode",
    "emergency",
    "--confirm",
    "nuremberg",
    "--accept-data-loss",
    "orders",
    "--reason",
];

/// Kills the primary, moves to the other site.
fn lose_dallas(lab_: &Lab) {
    lab(&["kill9", "a-db"]);
    lab(&["release-wal"]);
    let mut order = EMERGENCY.to_vec();
    order.push("the server is dead");
    lab_.ok(&order);
    assert_eq!(lab_.is_primary("b-db"), Some(true));
}

/// The one account beside `a-db`'s data directory.
fn account() -> PathBuf {
    let data = std::env::var("LAB_A_DB_DATA").expect("run by tests/lab/run-tests");
    let kept = std::fs::read_dir(format!("{data}.switchback/kept")).expect("something is kept");
    let mut found: Vec<PathBuf> =
        kept.map(|entry| entry.expect("an entry").path().join("account")).filter(|path| path.is_dir()).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// The saved statements of the one database that has any.
fn statements(account: &Path) -> PathBuf {
    let files = std::fs::read_dir(account).expect("an account").map(|entry| entry.expect("an entry").path());
    let mut found: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "sql")).collect();
    found.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("rows-")));
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// Carries saved statements out at the primary, as docs/account.md says.
fn replay(file: &Path) -> String {
    // The file is its owner's alone; the lab's command reads it as that.
    let text = std::fs::read_to_string(file).expect("readable");
    let copy = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(copy.path(), text).expect("written");
    std::fs::set_permissions(copy.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("set");
    lab(&["psql", "b-db", "-X1", "-v", "ON_ERROR_STOP=1", "-f", copy.path().to_str().expect("a path")])
}

fn ids(text: &str) -> Vec<i64> {
    let mut ids: Vec<i64> = text.split(|c: char| !c.is_ascii_digit()).filter_map(|id| id.parse().ok()).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn the_missing_writes_are_the_saved_ones() {
    let mut lab_ = Lab::fresh();
    lab_.client_starts();
    lab(&["hold-wal"]);
    std::thread::sleep(std::time::Duration::from_millis(500));
    lose_dallas(&lab_);
    std::thread::sleep(std::time::Duration::from_millis(300));
    let seen = lab_.client_stops();
    let mut missing: Vec<i64> = seen.missing.iter().filter_map(serde_json::Value::as_i64).collect();
    missing.sort_unstable();
    assert!(!missing.is_empty(), "writes were held back, so some must be missing: the test lost its point");

    // A plan says what would be lost, and takes no account.
    let said = lab_.run(&["plan", "rejoin", "--input", "site=dallas"]);
    assert!(said.stdout.contains("never reached the other side"), "{}", said.stdout);
    // Saved by itself first, as whoever wants the rows before anything else would: nothing follows anybody yet.
    let said = lab_.ok(&["run", "account", "--input", "site=dallas", "--yes"]);
    assert!(said.stderr.contains("statements that write"), "{}", said.stderr);
    assert_ne!(lab_.is_primary("a-db"), Some(true), "the account left a server that takes writes");
    let said = lab_.ok(&["run", "rejoin", "--input", "site=dallas", "--yes"]);
    lab_.is_at_rest("b-db", "a-db");
    assert!(said.stderr.contains("statements that write"), "{}", said.stderr);
    let account = account();
    let file = statements(&account);
    for path in [&account, &file] {
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).expect("there").permissions());
        assert_eq!(mode & 0o077, 0, "{} is for its owner only", path.display());
    }

    // Exactly those that were acknowledged and are missing are in it, and perhaps one whose answer the client never got.
    let text = std::fs::read_to_string(&file).expect("readable");
    let insert = "INSERT INTO public.orders (id, site, at) OVERRIDING SYSTEM VALUE VALUES ('";
    let saved: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(insert)?.split('\'').next()).collect();
    let saved = ids(&saved.join(" "));
    let unknown: Vec<i64> = saved.iter().copied().filter(|id| !missing.contains(id)).collect();
    assert!(missing.iter().all(|id| saved.contains(id)), "missing {missing:?}, saved {saved:?}");
    assert!(unknown.len() <= 1, "saved, and not missing: {unknown:?}");

    // The rewound server has none of them; replayed, all are there, and a second time changes nothing.
    let list = missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let count = format!("select count(*) from orders where id in ({list})");
    assert_eq!(lab_.sql("a-db", &count), "0");
    assert_eq!(lab_.sql("b-db", &count), "0");
    replay(&file);
    assert_eq!(lab_.sql("b-db", &count), missing.len().to_string());
    assert!(!replay(&file).contains("INSERT 0 1"), "a second replay wrote something");

    // `show` has the figures; a second run finds nothing to do.
    let shown = lab_.ok(&["show"]);
    assert!(shown.stdout.contains("transactions of a-db never reached"), "{}", shown.stdout);
    let again = lab_.ok(&["run", "rejoin", "--input", "site=dallas", "--yes"]);
    assert!(again.stdout.contains("nothing was changed"), "{}", again.stdout);
}

const BEFORE: &str = r#"
create table "odd ""name" ("Key" int generated always as identity primary key, "it's" text, j jsonb, b bytea, a text[],
    n numeric, twice int generated always as (2) stored);
insert into "odd ""name" ("it's") values ('old 1'), ('old 2'), ('old 3');
create table unkeyed (v text);
insert into unkeyed values ('one'), ('two'), ('three'), ('four');
create table large (id int primary key, body text, note text);
insert into large select 1, string_agg(md5(g::text), ''), 'old' from generate_series(1, 2000) g;
create table made_anew (id int primary key);
insert into made_anew values (1);
"#;

const LOST: &str = r#"
insert into "odd ""name" ("it's", j, b, a, n) values (E'two\nlines \\ and ''quotes''', '{"a": [1]}', '\x00ff', '{a,"b c",NULL}', 'NaN');
update "odd ""name" set "it's" = 'changed' where "Key" = 1;
delete from "odd ""name" where "Key" = 2;
insert into unkeyed values ('lost');
update unkeyed set v = 'TWO' where v = 'two';
update unkeyed set v = 'THREE' where v = 'three';
delete from unkeyed where v = 'four';
begin; insert into unkeyed values ('rolled back'); rollback;
insert into unkeyed values ('passing'); delete from unkeyed where v = 'passing';
update large set note = 'new' where id = 1;
insert into large select 2, string_agg(md5(g::text), ''), 'new' from generate_series(1, 3000) g;
copy orders (id, site) from stdin;
11	copied
12	copied
13	copied
\.
begin; delete from orders where id = 11; savepoint a; insert into orders values (21, 'no'); rollback to a;
insert into orders values (22, 'yes'); commit;
update orders set site = 'changed' where id = 12;
begin; insert into unkeyed values ('before copies');
copy unkeyed from stdin;
copied
copied twice
\.
copy unkeyed from stdin;
copied
copied and changed
\.
update unkeyed set v = 'changed' where v = 'copied and changed'; commit;
truncate made_anew;
"#;

#[test]
fn updates_deletions_and_odd_values_can_be_written_again() {
    let lab_ = Lab::fresh();
    lab_.sql("a-db", BEFORE);
    // All of that has arrived.
    std::thread::sleep(std::time::Duration::from_secs(1));
    lab(&["hold-wal"]);
    let script = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(script.path(), LOST).expect("written");
    std::fs::set_permissions(script.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("set");
    lab(&["psql", "a-db", "-Xq", "-v", "ON_ERROR_STOP=1", "-f", script.path().to_str().expect("a path")]);
    let rows = r#"select md5(string_agg(r, '|' order by r)) from (select t::text from "odd ""name" t union all select t::text from
        unkeyed t union all select id || note || md5(body) from large union all select id || site from orders) as all_rows(r)"#;
    let before = lab_.sql("a-db", rows);
    lose_dallas(&lab_);
    // Somebody changes one of those rows at the new primary: what was lost does not overwrite it.
    lab_.sql("b-db", "update unkeyed set v = 'changed since' where v = 'three'");
    // Switchback dies while the account is taken; whoever resumes the run finishes the same one.
    let order = ["run", "rejoin", "--input", "site=dallas", "--yes"];
    let killed = killed_when(&lab_, &order, |event| {
        let begun = event["event"] == "intended" && event["step_id"] == "rejoin/account/orders";
        if begun {
            std::thread::sleep(std::time::Duration::from_millis(700));
        }
        begun
    });
    assert!(killed, "the account was not taken");
    lab_.ok(&["resume"]);
    lab_.is_at_rest("b-db", "a-db");
    let account = account();
    let figures = std::fs::read_to_string(account.join("account.txt")).expect("figures");
    assert!(figures.contains("table=shop\tpublic.unkeyed\t7\t3\t2\t9"), "{figures}");
    let truncated = "not_recovered=shop: public.made_anew was made, emptied or written anew";
    assert!(figures.contains(truncated), "a truncation is said: {figures}");
    assert_ne!(lab_.sql("b-db", rows), before);
    let said = replay(&statements(&account));
    assert!(said.contains("UPDATE 0"), "a row that was changed since was overwritten: {said}");
    lab_.sql("b-db", "update unkeyed set v = 'THREE' where v = 'changed since'");
    assert_eq!(lab_.sql("b-db", rows), before, "{said}");
    lab_.is_at_rest("b-db", "a-db");
}

#[test]
fn tables_are_compared_and_the_one_that_differs_is_named() {
    let mut lab_ = Lab::fresh();
    let own = lab_.state.path().join("compare.yaml");
    let text = "runbook: compare\nformat: 1\ntitle: Compare tables\nmodes: [planned]\nphases:\n  - phase: compare\n    title: Tables \
                are equal\n    steps:\n      - {id: tables, for_each: database, where: {kind: postgres}, do: {database.tables_equal: {at: nuremberg}}}\n";
    std::fs::write(&own, text).expect("written");
    let own = own.to_str().expect("a path");
    // Also while a client writes.
    lab_.client_starts();
    lab_.ok(&["run", own, "--yes"]);
    let shown = lab_.ok(&["show"]).stdout.replace('\n', " ");
    assert!(shown.contains("tables of `orders` are equal"), "{shown}");
    lab_.client_stops();
    lab(&["falsify", "b-db", "catalogue", "e4da3b7fbbce2345d7772b0674a318d5", "E4da3b7fbbce2345d7772b0674a318d5"]);
    let different = "select text like 'E4da3b7f%' from catalogue where id = 5";
    assert_eq!((lab_.sql("a-db", different), lab_.sql("b-db", different)), ("f".to_owned(), "t".to_owned()));
    std::thread::sleep(std::time::Duration::from_secs(6));
    let said = lab_.exits(&["run", own, "--yes"], 4);
    assert!(said.stderr.contains("public.catalogue"), "{}", said.stderr);
    assert!(!said.stderr.contains("public.orders"), "{}", said.stderr);
}
