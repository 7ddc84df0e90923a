//! The pages about an assistant's behavior and its people, in a browser without scripts.

use serde_json::{Value, json};

use crate::bot::active_bot;
use crate::pages::{hidden, outcome, outcome_at, page, submit};
use crate::people::{person_id, role};
use crate::sessions::session_cookie;
use crate::support::App;

#[tokio::test(flavor = "multi_thread")]
async fn behavior_page_saves_restores_and_keeps_what_was_typed() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let id = me.purchased("byok").await;
    let path = format!("/assistants/{id}/behavior");
    let baseline = hidden(&page(&app, &cookie, &path).await, "baseline");
    let fields = |time_zone: &'static str| {
        [
            ("id", &*id),
            ("baseline", &*baseline),
            ("instructions", "Be brief.\r\nBe kind."),
            ("time_zone", time_zone),
            ("access_mode", "anyone"),
            ("access_groups", "off"),
            ("web_search", "true"),
            ("read_pages", "true"),
            ("memory", "true"),
            ("per_day", "2.5"),
        ]
    };
    let template = page(&app, &cookie, &format!("{path}?template=tutor")).await;
    assert!(
        template.contains("You help one person learn.") && template.contains("isn’t saved yet"),
        "{template}"
    );
    let to = submit(&app, &cookie, &path, "update_behavior", &fields("Mars/Base")).await;
    let shown = page(&app, &cookie, &to).await;
    assert!(
        shown.contains("Use an IANA time zone") && shown.contains("Be brief.") && shown.contains("Mars/Base"),
        "{shown}"
    );
    assert_eq!(me.get(&format!("/{id}/settings")).await["revision"], 1);
    let to = submit(&app, &cookie, &path, "update_behavior", &fields("Europe/Berlin")).await;
    assert_eq!(outcome_at(&app, &cookie, &to).await, format!("{path} behavior_saved"));
    let settings = me.get(&format!("/{id}/settings")).await;
    assert_eq!(
        (&settings["instructions"], &settings["access"]["mode"]),
        (&json!("Be brief.\nBe kind."), &json!("anyone"))
    );
    assert_eq!(
        (
            &settings["tools"]["reminders"],
            &settings["tools"]["webSearch"],
            &settings["allowance"]["perDayUsd"]
        ),
        (&json!(false), &json!(true), &json!("2.50"))
    );
    let shown = page(&app, &cookie, &path).await;
    assert!(shown.contains("access.mode") && shown.contains("Restore revision 1"), "{shown}");
    let to = submit(&app, &cookie, &path, "restore_behavior", &[("id", &id), ("revision", "1")]).await;
    assert_eq!(outcome_at(&app, &cookie, &to).await, format!("{path} behavior_restored"));
    assert_eq!(me.get(&format!("/{id}/settings")).await["instructions"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_page_shows_the_owner_link_once_and_decides_on_requests() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let (id, bot) = active_bot(&me, &app, "byok").await;
    let path = format!("/assistants/{id}/people");
    let empty = page(&app, &cookie, &path).await;
    assert!(empty.contains("Nobody owns this assistant") && empty.contains("Nobody is waiting"), "{empty}");
    let token = hidden(&page(&app, &cookie, &path).await, "token");
    let create =
        async || submit(&app, &cookie, &path, "create_owner_link", &[("id", &id), ("token", &token)]).await;
    create().await;
    // A form that is sent twice creates one link, which still works.
    let shown = page(&app, &cookie, &create().await).await;
    assert!(shown.contains("?start=owner_") && shown.contains("shown only now"), "{shown}");
    let code = shown.split_once("?start=").unwrap().1.split('"').next().unwrap().to_owned();
    bot.say(1, &format!("/start {code}")).await;
    bot.wait_for_message(1, 1).await;
    assert_eq!(role(&me, &id, 1).await.as_deref(), Some("owner"));
    bot.say(2, "let me in").await;
    bot.wait_for_message(2, 1).await;
    let stranger = person_id(&me, &id, 2).await;
    let waiting = page(&app, &cookie, &path).await;
    assert!(waiting.contains("Approve Person 2") && waiting.contains("with the owner link."), "{waiting}");
    for (form, notice, expected) in [
        ("approve_person", "person_approved", Some("approved")),
        ("block_person", "person_blocked", Some("blocked")),
        ("erase_person", "person_erased", None),
    ] {
        let to = submit(&app, &cookie, &path, form, &[("id", &id), ("person", &stranger)]).await;
        assert_eq!(outcome_at(&app, &cookie, &to).await, format!("{path} {notice}"));
        assert_eq!(role(&me, &id, 2).await.as_deref(), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behavior_form_leaves_what_was_changed_elsewhere() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let id = me.purchased("byok").await;
    let path = format!("/assistants/{id}/behavior");
    let baseline = hidden(&page(&app, &cookie, &path).await, "baseline");
    me.ok("PATCH", &format!("/{id}/settings"), json!({"greeting": "Hi", "tools": {"webSearch": false}}))
        .await;
    let fields = [
        ("id", &*id),
        ("baseline", &*baseline),
        ("language", "de"),
        ("time_zone", "UTC"),
        ("access_mode", "approved"),
        ("access_groups", "mention"),
        ("web_search", "true"),
        ("read_pages", "true"),
        ("reminders", "true"),
        ("memory", "true"),
    ];
    assert_eq!(
        outcome(&app, &cookie, &path, "update_behavior", &fields).await,
        format!("{path} behavior_saved")
    );
    let settings = me.get(&format!("/{id}/settings")).await;
    assert_eq!(
        (&settings["greeting"], &settings["language"], &settings["tools"]["webSearch"]),
        (&json!("Hi"), &json!("de"), &json!(false))
    );
    let same = [&fields[..2], &[("language", "")], &fields[3..]].concat();
    assert_eq!(
        outcome(&app, &cookie, &path, "update_behavior", &same).await,
        format!("{path} nothing_changed")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn mcp_servers_are_added_changed_and_removed() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let id = me.purchased("byok").await;
    let path = format!("/assistants/{id}/behavior");
    let servers = async || me.get(&format!("/{id}/settings")).await["mcpServers"].clone();
    let save = async |fields: &[(&str, &str)]| {
        let fields = [&[("id", &*id)], fields].concat();
        submit(&app, &cookie, &path, "save_mcp_server", &fields).await
    };
    let wrong = save(&[
        ("name", "wiki"),
        ("url", "http://wiki.example.com"),
        ("header_name", "Host"),
        ("header_value", "x"),
    ])
    .await;
    let shown = page(&app, &cookie, &wrong).await;
    assert!(
        shown.contains("must start with https")
            && shown.contains("set by Reef")
            && shown.contains("value=\"wiki\""),
        "{shown}"
    );
    let half = save(&[("name", "wiki"), ("url", "https://wiki.example.com"), ("header_name", "X-Key")]).await;
    assert!(page(&app, &cookie, &half).await.contains("Enter the value of the header."));
    assert_eq!(servers().await, json!([]));

    let secret = "Bearer my-mcp-secret";
    let new = [("name", "wiki"), ("url", "https://wiki.example.com"), ("is_enabled", "true")];
    let to = save(&[&new[..], &[("header_name", "Authorization"), ("header_value", secret)]].concat()).await;
    assert_eq!(outcome_at(&app, &cookie, &to).await, format!("{path}#mcp server_saved"));
    let first = json!({"name": "wiki", "url": "https://wiki.example.com", "headerNames": ["Authorization"], "enabled": true});
    assert_eq!(servers().await, json!([first]));

    // A value that is left empty stays, and a header is added.
    let kept = [
        ("original", "wiki"),
        ("url", "https://wiki.example.com/2"),
        ("header_names[]", "Authorization"),
        ("header_values[]", ""),
        ("header_name", "X-Team"),
        ("header_value", "reef"),
    ];
    save(&kept).await;
    let second = json!({"name": "wiki", "url": "https://wiki.example.com/2", "headerNames": ["Authorization", "X-Team"], "enabled": false});
    assert_eq!(servers().await, json!([second]));
    let revisions = me.get(&format!("/{id}/settings/revisions")).await;
    assert!(!revisions.to_string().contains("headers.Authorization"), "the value was kept: {revisions}");

    let removed = [
        ("original", "wiki"),
        ("url", "https://wiki.example.com/2"),
        ("is_enabled", "true"),
        ("header_names[]", "Authorization"),
        ("header_values[]", ""),
        ("header_names[]", "X-Team"),
        ("header_values[]", ""),
        ("removed_headers[]", "X-Team"),
    ];
    save(&removed).await;
    assert_eq!(servers().await[0]["headerNames"], json!(["Authorization"]));
    let shown = page(&app, &cookie, &path).await;
    assert!(shown.contains("New value of Authorization") && !shown.contains("my-mcp-secret"), "{shown}");

    save(&new).await;
    let duplicate = page(&app, &cookie, &path).await;
    assert!(duplicate.contains("Another server in this list has the same name."), "{duplicate}");
    let to = submit(&app, &cookie, &path, "remove_mcp_server", &[("id", &id), ("name", "wiki")]).await;
    assert_eq!(outcome_at(&app, &cookie, &to).await, format!("{path}#mcp server_removed"));
    assert_eq!(servers().await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_are_added_changed_and_deleted_on_the_page() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let (id, bot) = active_bot(&me, &app, "byok").await;
    let path = format!("/assistants/{id}/people");
    bot.say(1, "/remember I like tea").await;
    bot.wait_for_message(1, 1).await;
    let facts = async || me.get(&format!("/{id}/facts")).await;
    let first = facts().await[0]["id"].as_str().unwrap().to_owned();
    let texts = async || -> Vec<String> {
        let list = facts().await;
        list.as_array().unwrap().iter().map(|fact| fact["text"].as_str().unwrap().to_owned()).collect()
    };
    let form = async |endpoint: &str, fields: &[(&str, &str)]| {
        let fields = [&[("id", &*id)], fields].concat();
        outcome(&app, &cookie, &path, endpoint, &fields).await
    };
    let add = async |conversation: &str, text: &str| {
        form("create_fact", &[("conversation", conversation), ("text", text)]).await
    };
    assert_eq!(add("1_0", "Is a pilot").await, format!("{path}#facts fact_added"));
    assert_eq!(texts().await, ["Is a pilot", "I like tea"]);
    let long = "x".repeat(501);
    for (conversation, text) in [("1_0", " "), ("1_0", &*long), ("2_0", "Nobody"), ("", "Nowhere")] {
        assert_eq!(add(conversation, text).await, format!("{path} form_error"), "{conversation} {text}");
    }
    assert_eq!(
        form("update_fact", &[("fact", &first), ("text", "I like\r\ncoffee")]).await,
        format!("{path}#facts fact_saved")
    );
    assert_eq!(texts().await, ["Is a pilot", "I like\ncoffee"]);
    let wrong =
        submit(&app, &cookie, &path, "update_fact", &[("id", &id), ("fact", &first), ("text", &long)]).await;
    let shown = page(&app, &cookie, &wrong).await;
    assert!(shown.contains("at most 500 characters") && shown.contains(&long), "{shown}");
    assert_eq!(form("delete_fact", &[("fact", &first)]).await, format!("{path}#facts fact_deleted"));
    assert_eq!(texts().await, ["Is a pilot"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn owner_who_wrote_first_is_removed_on_the_page() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let (id, bot) = active_bot(&me, &app, "byok").await;
    let (assistant, people) = (format!("/assistants/{id}"), format!("/assistants/{id}/people"));
    assert!(page(&app, &cookie, &assistant).await.contains("Nobody owns this assistant in Telegram yet."));
    bot.say(1, "hello").await;
    bot.wait_for_message(1, 1).await;
    bot.say(2, "me too").await;
    bot.wait_for_message(2, 1).await;
    let shown = page(&app, &cookie, &assistant).await;
    assert!(
        shown.contains("1 person is waiting")
            && shown.contains("Person 1 became the owner by writing first."),
        "{shown}"
    );
    let shown = page(&app, &cookie, &people).await;
    assert!(shown.contains("by writing first") && shown.contains("This isn’t me"), "{shown}");
    let disown = async || outcome(&app, &cookie, &people, "disown_owner", &[("id", &id)]).await;
    assert_eq!(disown().await, format!("{people} owner_disowned"));
    assert_eq!(role(&me, &id, 1).await.as_deref(), Some("blocked"));
    let shown = page(&app, &cookie, &people).await;
    assert!(
        shown.contains("Nobody becomes the owner by writing") && !shown.contains("This isn’t me"),
        "{shown}"
    );
    assert_eq!(disown().await, format!("{people} form_error"));
}

#[tokio::test(flavor = "multi_thread")]
async fn people_page_shows_every_request_in_pages() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let (id, bot) = active_bot(&me, &app, "byok").await;
    for user in 1..=53 {
        bot.say(user, "hello").await;
        bot.wait_for_message(user, 1).await;
    }
    let shown = page(&app, &cookie, &format!("/assistants/{id}/people")).await;
    assert!(shown.contains("Requests (52)") && !shown.contains("Approve Person 2\""), "{shown}");
    let earlier = shown.split_once("?requested=").unwrap().1.split(['#', '"']).next().unwrap();
    let shown = page(&app, &cookie, &format!("/assistants/{id}/people?requested={earlier}")).await;
    assert!(shown.contains("Requests (52)") && shown.contains("Approve Person 2\""), "{shown}");
}
