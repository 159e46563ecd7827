//! `Clients` and `Flows`.

use margay_domain::{
    client::{Approval, Client, ClientSource},
    clock::Timestamp,
    flow::{Answer, Decision, Flow},
    grant::{Grant, RevocationReason},
    id::{ClientId, FlowId, UserId},
    ports::{ReplacedGrant, StoreError},
    rules::{Permission, PermissionSet},
};
use margay_store::Store;

use crate::{
    fixtures::{NOW, active_grant, client, code, earlier, grant, hash, later, people_and_client, permissions, user},
    harness::at_once,
};

checks! {
    clients_are_made_and_found,
    unused_clients_are_collected,
    equal_registrations_are_one_client,
    clients_whose_last_connection_ended_are_collected,
    the_oldest_client_that_nobody_is_about_to_use_makes_room,
    documents_are_put,
    clients_are_approved_once,
    flows_are_made_and_found,
    a_flow_is_decided_once,
    a_flow_that_is_over_is_not_decided,
    an_allowed_flow_has_one_grant,
    allowing_again_narrows_what_was_granted_before,
    decisions_about_one_client_see_each_other,
    ended_flows_are_collected,
}

async fn clients_are_made_and_found(store: Store) {
    let clients = store.clients();
    let cursor = client("cursor");
    let bare = Client {
        name: String::new(),
        redirect_uris: Vec::new(),
        client_uri: None,
        application_type: Some("native".to_owned()),
        source: ClientSource::Preregistered,
        approval: Approval::Approved,
        document_fresh_until: None,
        created_at: later(1),
        ..client("bare")
    };
    clients.create(&cursor).await.unwrap();
    clients.create(&bare).await.unwrap();
    assert!(matches!(clients.create(&cursor).await, Err(StoreError::Conflict(_))));
    assert_eq!(clients.get(&bare.id).await.unwrap(), Some(bare.clone()));
    assert_eq!(clients.get(&ClientId::new("mcp_nobody")).await.unwrap(), None);
    assert_eq!(clients.list().await.unwrap(), [bare, cursor.clone()], "newest first");

    clients.authorized(&cursor.id, later(9)).await.unwrap();
    let authorized = Client { last_authorized_at: Some(later(9)), ..cursor.clone() };
    assert_eq!(clients.get(&cursor.id).await.unwrap(), Some(authorized));
    let nobody = ClientId::new("mcp_nobody");
    assert!(matches!(clients.authorized(&nobody, NOW).await, Err(StoreError::NotFound("client"))));
}

async fn unused_clients_are_collected(store: Store) {
    people_and_client(&store).await;
    let clients = store.clients();
    // "claude" has a grant that was never activated.
    let pending = grant("pending");
    store.grants().create(&pending, &code(1, &pending)).await.unwrap();
    let unused = client("unused");
    let used = Client { last_authorized_at: Some(NOW), ..client("used") };
    let by_admin = Client { source: ClientSource::Preregistered, ..client("admin") };
    let young = Client { created_at: later(100), ..client("young") };
    for client in [&unused, &used, &by_admin, &young] {
        clients.create(client).await.unwrap();
    }
    store.flows().create(&flow("of_unused", &unused.id)).await.unwrap();
    assert_eq!(clients.collect_unused(NOW).await.unwrap(), 0, "before, not at");
    assert_eq!(clients.collect_unused(later(50)).await.unwrap(), 1);
    assert_eq!(clients.get(&unused.id).await.unwrap(), None);
    assert!(store.flows().get(&FlowId::new("flw_of_unused")).await.unwrap().is_none(), "goes with its client");
    assert_eq!(clients.list().await.unwrap().len(), 4);
}

async fn documents_are_put(store: Store) {
    let clients = store.clients();
    let first = Client {
        id: ClientId::new("https://client.example/metadata.json"),
        source: ClientSource::Document,
        approval: Approval::Waiting,
        document_fresh_until: Some(later(300)),
        ..client("document")
    };
    clients.put_document(&first).await.unwrap();
    assert_eq!(clients.get(&first.id).await.unwrap(), Some(first.clone()));
    assert!(clients.approve(&first.id).await.unwrap());
    clients.authorized(&first.id, later(5)).await.unwrap();
    let changed = Client {
        name: "Another name".to_owned(),
        redirect_uris: vec!["https://client.example/new".to_owned()],
        document_fresh_until: Some(later(900)),
        created_at: later(400),
        ..first.clone()
    };
    clients.put_document(&changed).await.unwrap();
    let expected = Client {
        approval: Approval::Approved,
        created_at: first.created_at,
        last_authorized_at: Some(later(5)),
        ..changed
    };
    assert_eq!(clients.get(&first.id).await.unwrap(), Some(expected));

    // A registered client is never replaced by a document.
    clients.create(&client("registered")).await.unwrap();
    let other = Client { id: client("registered").id, ..first };
    assert!(matches!(clients.put_document(&other).await, Err(StoreError::Conflict(_))));
    assert_eq!(clients.get(&other.id).await.unwrap(), Some(client("registered")));
}

async fn clients_are_approved_once(store: Store) {
    let clients = store.clients();
    let waiting = Client { approval: Approval::Waiting, ..client("waiting") };
    clients.create(&waiting).await.unwrap();
    clients.create(&Client { source: ClientSource::Preregistered, ..client("admin") }).await.unwrap();
    assert_eq!(clients.count_unused().await.unwrap(), 1, "an admin's own does not count");
    let approved = at_once(20, |_| {
        let (clients, id) = (store.clients(), waiting.id.clone());
        async move { clients.approve(&id).await.unwrap() }
    })
    .await;
    assert_eq!(approved.into_iter().filter(|approved| *approved).count(), 1);
    assert_eq!(clients.get(&waiting.id).await.unwrap().unwrap().approval, Approval::Approved);
    assert!(!clients.approve(&ClientId::new("mcp_nobody")).await.unwrap());
    clients.authorized(&waiting.id, NOW).await.unwrap();
    assert_eq!(clients.count_unused().await.unwrap(), 0);
}

fn flow(name: &str, client: &ClientId) -> Flow {
    Flow {
        id: FlowId::new(format!("flw_{name}")),
        client_id: client.clone(),
        redirect_uri: "cursor://anysphere.cursor/callback".to_owned(),
        state: Some("a b&c=%20".to_owned()),
        code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned(),
        scope: "AlertRead RuleRead".to_owned(),
        resource: "https://margay.example.com/mcp".to_owned(),
        issuer: Some("http://localhost:8080".to_owned()),
        browser: hash(9),
        created_at: NOW,
        expires_at: later(600),
        decided_at: None,
        decision: None,
    }
}

/// Ana denies.
fn denial(at: Timestamp) -> Decision {
    Decision { at, by: UserId::new("usr_ana"), answer: Answer::Deny, recorded: false }
}

/// The person of the grant allows what it holds, with the code `number`.
fn allowance(grant: &Grant, number: u8) -> Decision {
    let answer = Answer::Allow { permissions: grant.permissions, code: hash(number) };
    Decision { at: grant.created_at, by: grant.user_id.clone(), answer, recorded: false }
}

async fn claude_flow(store: &Store, name: &str) -> Flow {
    if store.clients().get(&client("claude").id).await.unwrap().is_none() {
        store.clients().create(&client("claude")).await.unwrap();
    }
    let flow = flow(name, &client("claude").id);
    store.flows().create(&flow).await.unwrap();
    flow
}

async fn flows_are_made_and_found(store: Store) {
    let expected = claude_flow(&store, "one").await;
    let found = store.flows().get(&expected.id).await.unwrap().unwrap();
    assert_eq!(found.id, expected.id);
    assert_eq!(found.client_id, expected.client_id);
    assert_eq!(found.redirect_uri, expected.redirect_uri);
    assert_eq!(found.state, expected.state);
    assert_eq!(found.code_challenge, expected.code_challenge);
    assert_eq!(found.scope, expected.scope);
    assert_eq!(found.resource, expected.resource);
    assert_eq!(found.browser, expected.browser);
    assert_eq!((&found.issuer, &found.decision), (&expected.issuer, &None));
    assert_eq!((found.created_at, found.expires_at, found.decided_at), (NOW, later(600), None));

    assert!(store.flows().get(&FlowId::new("flw_other")).await.unwrap().is_none());
    assert!(matches!(store.flows().create(&expected).await, Err(StoreError::Conflict(_))));
    let lost = flow("lost", &ClientId::new("mcp_nobody"));
    assert!(matches!(store.flows().create(&lost).await, Err(StoreError::NotFound("client"))));
}

async fn a_flow_is_decided_once(store: Store) {
    let flow = claude_flow(&store, "one").await;
    let decided = at_once(20, |_| {
        let (flows, id) = (store.flows(), flow.id.clone());
        async move { flows.decide(&id, &denial(later(5))).await.unwrap() }
    })
    .await;
    assert_eq!(decided.into_iter().filter(|decided| *decided).count(), 1);
    let found = store.flows().get(&flow.id).await.unwrap().unwrap();
    assert_eq!((found.decided_at, found.decision), (Some(later(5)), Some(denial(later(5)))));
    assert!(!store.flows().decide(&flow.id, &denial(later(6))).await.unwrap());
    store.flows().recorded(&flow.id).await.unwrap();
    let found = store.flows().get(&flow.id).await.unwrap().unwrap();
    assert_eq!(found.decision, Some(Decision { recorded: true, ..denial(later(5)) }));
}

async fn an_allowed_flow_has_one_grant(store: Store) {
    people_and_client(&store).await;
    let flow = claude_flow(&store, "one").await;
    let allowed = at_once(20, |number| {
        let (flows, id) = (store.flows(), flow.id.clone());
        let new = grant(&format!("new_{number}"));
        async move {
            let made = flows.allow(&id, &allowance(&new, number), &new, &code(number, &new)).await.unwrap();
            made.map(|replaced| (new, number, replaced))
        }
    })
    .await;
    let made: Vec<_> = allowed.into_iter().flatten().collect();
    let [(grant, number, replaced)] = made.as_slice() else { panic!("one grant: {made:?}") };
    assert!(replaced.is_empty());
    assert_eq!(store.grants().get(&grant.id).await.unwrap().as_ref(), Some(grant));
    let found = store.flows().get(&flow.id).await.unwrap().unwrap();
    assert_eq!(found.decision, Some(allowance(grant, *number)));
    let client = store.clients().get(&grant.client_id).await.unwrap().unwrap();
    assert_eq!(client.last_authorized_at, Some(NOW));
    assert!(!store.flows().decide(&flow.id, &denial(later(1))).await.unwrap());
    // All or nothing: a grant that cannot be stored leaves the flow open.
    let open = claude_flow(&store, "open").await;
    let nobodys = Grant { user_id: UserId::new("usr_nobody"), ..crate::fixtures::grant("lost") };
    let lost = store.flows().allow(&open.id, &allowance(&nobodys, 99), &nobodys, &code(99, &nobodys)).await;
    assert!(matches!(lost, Err(StoreError::NotFound(_))), "{lost:?}");
    assert_eq!(store.flows().get(&open.id).await.unwrap().unwrap().decided_at, None);
}

fn set(permissions: &[Permission]) -> PermissionSet {
    permissions.iter().copied().collect()
}

async fn allowing_again_narrows_what_was_granted_before(store: Store) {
    people_and_client(&store).await;
    store.users().create(&user("bo"), None).await.unwrap();
    let grants = store.grants();
    let narrowed = active_grant(&store, "narrowed", 1).await;
    let emptied = Grant { permissions: set(&[Permission::DataAnalyticsRead]), ..grant("emptied") };
    let fits = Grant { permissions: set(&[Permission::AlertRead]), ..grant("fits") };
    let of_bo = Grant { user_id: user("bo").id, ..grant("of_bo") };
    let over = Grant { expires_at: later(10), ..grant("over") };
    for (number, other) in [(2, &emptied), (3, &fits), (4, &of_bo), (5, &over)] {
        grants.create(other, &code(number, other)).await.unwrap();
    }
    let flow = claude_flow(&store, "one").await;
    let selected = set(&[Permission::AlertRead, Permission::RuleRead]);
    let new = Grant { created_at: later(20), permissions: selected, ..grant("new") };
    let mut replaced = store.flows().allow(&flow.id, &allowance(&new, 9), &new, &code(9, &new)).await.unwrap().unwrap();
    replaced.sort_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
    let left =
        |grant: &Grant, after: PermissionSet| ReplacedGrant { id: grant.id.clone(), before: grant.permissions, after };
    let read = set(&[Permission::AlertRead]);
    assert_eq!(replaced, [left(&emptied, PermissionSet::EMPTY), left(&fits, read), left(&narrowed, read)]);
    let found = async |grant: &Grant| grants.get(&grant.id).await.unwrap().unwrap();
    let now = found(&narrowed).await;
    assert_eq!((now.permissions, now.narrowed_from), (read, Some(permissions())));
    assert_eq!(found(&emptied).await.revoked, Some((later(20), RevocationReason::Replaced)));
    for unchanged in [&fits, &of_bo, &over, &new] {
        assert_eq!(found(unchanged).await, *unchanged);
    }
    // Widening widens nothing that is there, and what was granted at first stays known.
    let flow = claude_flow(&store, "two").await;
    let wide = Grant { created_at: later(30), permissions: PermissionSet::all(), ..grant("wide") };
    store.flows().allow(&flow.id, &allowance(&wide, 10), &wide, &code(10, &wide)).await.unwrap().unwrap();
    assert_eq!(found(&narrowed).await.permissions, read);
    assert_eq!(found(&narrowed).await.narrowed_from, Some(permissions()));
}

async fn decisions_about_one_client_see_each_other(store: Store) {
    people_and_client(&store).await;
    let choices =
        [set(&[Permission::AlertRead, Permission::RuleRead]), set(&[Permission::AlertRead, Permission::LookupRead])];
    for number in 0_u8..10 {
        claude_flow(&store, &number.to_string()).await;
    }
    at_once(10, |number| {
        let store = store.clone();
        let permissions = choices[usize::from(number % 2)];
        let new = Grant { permissions, ..grant(&format!("new_{number}")) };
        async move {
            let id = FlowId::new(format!("flw_{number}"));
            store.flows().allow(&id, &allowance(&new, number), &new, &code(number, &new)).await.unwrap().unwrap();
        }
    })
    .await;
    let mut held = Vec::new();
    for number in 0_u8..10 {
        let grant = store.grants().get(&grant(&format!("new_{number}")).id).await.unwrap().unwrap();
        held.push(grant.permissions);
    }
    // Whichever came last holds what was selected for it; of all others nothing but that is left.
    let common = choices[0].intersection(choices[1]);
    let whole = held.iter().copied().find(|held| *held != common).expect("the last one");
    assert!(held.iter().all(|held| held.is_subset(whole)), "{held:?}");
}

async fn equal_registrations_are_one_client(store: Store) {
    let clients = store.clients();
    let first = Client { approval: Approval::Waiting, ..client("claude") };
    let second = Client {
        id: ClientId::new("mcp_other"),
        redirect_uris: first.redirect_uris.iter().rev().cloned().collect(),
        created_at: later(9),
        ..client("claude")
    };
    assert_eq!(clients.equal(&first).await.unwrap(), None);
    let stored = at_once(10, |number| {
        let clients = store.clients();
        let client = Client { id: ClientId::new(format!("mcp_{number}")), ..first.clone() };
        async move { clients.create(&client).await.is_ok() }
    })
    .await;
    assert_eq!(stored.into_iter().filter(|stored| *stored).count(), 1);
    let known = clients.equal(&second).await.unwrap().unwrap();
    assert_eq!(known.approval, Approval::Waiting, "as it is");
    assert!(matches!(clients.create(&second).await, Err(StoreError::Conflict(_))));
    assert_eq!(clients.equal(&Client { name: "Claude".to_owned(), ..second.clone() }).await.unwrap(), None);
    // Those of an admin and those with a document have ids of their own.
    clients.create(&Client { source: ClientSource::Preregistered, ..second.clone() }).await.unwrap();
    let document = Client { id: ClientId::new("https://c.example/d"), source: ClientSource::Document, ..second };
    clients.put_document(&document).await.unwrap();
    assert_eq!(clients.equal(&document).await.unwrap().map(|client| client.id), Some(known.id));
}

async fn clients_whose_last_connection_ended_are_collected(store: Store) {
    people_and_client(&store).await;
    let (clients, grants) = (store.clients(), store.grants());
    let authorized = |name: &str| Client { last_authorized_at: Some(NOW), ..client(name) };
    let by_admin = Client { source: ClientSource::Preregistered, ..authorized("admin") };
    let lately = Client { last_authorized_at: Some(later(900)), ..client("lately") };
    for client in
        [&authorized("ended"), &authorized("expired"), &authorized("half"), &authorized("bare"), &by_admin, &lately]
    {
        clients.create(client).await.unwrap();
    }
    let of = |name: &str, client: &str| Grant { client_id: ClientId::new(format!("mcp_{client}")), ..grant(name) };
    let (ended, half, of_admin) = (of("ended", "ended"), of("half_ended", "half"), of("admin", "admin"));
    let expired = Grant { expires_at: later(100), ..of("expired", "expired") };
    for (number, grant) in [(1, &ended), (2, &half), (3, &of("half_alive", "half")), (4, &of_admin), (5, &expired)] {
        grants.create(grant, &code(number, grant)).await.unwrap();
        assert!(grants.activate(&grant.id, None, later(1)).await.unwrap());
    }
    for grant in [&ended, &half, &of_admin] {
        assert!(grants.revoke(&grant.id, RevocationReason::User, later(50)).await.unwrap());
    }
    assert_eq!(clients.collect_ended(later(50)).await.unwrap(), 1, "only the one that has no connection at all");
    assert_eq!(clients.collect_ended(later(101)).await.unwrap(), 2);
    assert_eq!(grants.get(&ended.id).await.unwrap(), None);
    let mut left: Vec<String> = clients.list().await.unwrap().into_iter().map(|client| client.id.to_string()).collect();
    left.sort_unstable();
    assert_eq!(left, ["mcp_admin", "mcp_claude", "mcp_half", "mcp_lately"]);
}

async fn the_oldest_client_that_nobody_is_about_to_use_makes_room(store: Store) {
    people_and_client(&store).await;
    let clients = store.clients();
    let pending = grant("pending");
    store.grants().create(&pending, &code(1, &pending)).await.unwrap();
    let begun = client("begun");
    let (oldest, newer, young) = (
        Client { created_at: later(1), ..client("oldest") },
        Client { created_at: later(2), ..client("newer") },
        Client { created_at: later(100), ..client("young") },
    );
    let used = Client { last_authorized_at: Some(NOW), ..client("used") };
    let by_admin = Client { source: ClientSource::Preregistered, ..client("admin") };
    for client in [&begun, &oldest, &newer, &young, &used, &by_admin] {
        clients.create(client).await.unwrap();
    }
    store.flows().create(&flow("of_begun", &begun.id)).await.unwrap();
    assert!(clients.evict_unused(later(100), later(100)).await.unwrap());
    assert_eq!(clients.get(&oldest.id).await.unwrap(), None);
    assert!(clients.evict_unused(later(100), later(100)).await.unwrap());
    assert_eq!(clients.get(&newer.id).await.unwrap(), None);
    assert!(!clients.evict_unused(later(100), later(100)).await.unwrap(), "somebody is about to authorize it");
    assert!(clients.evict_unused(later(100), later(600)).await.unwrap(), "not any more");
    assert_eq!(clients.get(&begun.id).await.unwrap(), None);
    assert_eq!(clients.list().await.unwrap().len(), 4);
}

async fn a_flow_that_is_over_is_not_decided(store: Store) {
    let flow = claude_flow(&store, "one").await;
    assert!(!store.flows().decide(&flow.id, &denial(later(600))).await.unwrap());
    assert!(!store.flows().decide(&FlowId::new("flw_other"), &denial(NOW)).await.unwrap());
    assert_eq!(store.flows().get(&flow.id).await.unwrap().unwrap().decided_at, None);
}

async fn ended_flows_are_collected(store: Store) {
    let flows = store.flows();
    let open = claude_flow(&store, "open").await;
    let decided = claude_flow(&store, "decided").await;
    assert!(flows.decide(&decided.id, &denial(later(5))).await.unwrap());
    assert_eq!(flows.collect(earlier(5)).await.unwrap(), 0);
    assert_eq!(flows.collect(later(6)).await.unwrap(), 1);
    assert!(flows.get(&open.id).await.unwrap().is_some());
    assert_eq!(flows.collect(later(601)).await.unwrap(), 1);
    assert!(flows.get(&open.id).await.unwrap().is_none());
}
