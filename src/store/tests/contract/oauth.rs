//! `Clients` and `Flows`.

use margay_domain::{
    client::{Approval, Client, ClientSource},
    flow::Flow,
    id::{ClientId, FlowId},
    ports::StoreError,
};
use margay_store::Store;

use crate::{
    fixtures::{NOW, client, code, earlier, grant, hash, later, people_and_client},
    harness::at_once,
};

checks! {
    clients_are_made_and_found,
    unused_clients_are_collected,
    documents_are_put,
    clients_are_approved_once,
    flows_are_made_and_found,
    a_flow_is_decided_once,
    a_flow_that_is_over_is_not_decided,
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
        browser: hash(9),
        created_at: NOW,
        expires_at: later(600),
        decided_at: None,
    }
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
        async move { flows.decide(&id, later(5)).await.unwrap() }
    })
    .await;
    assert_eq!(decided.into_iter().filter(|decided| *decided).count(), 1);
    assert_eq!(store.flows().get(&flow.id).await.unwrap().unwrap().decided_at, Some(later(5)));
    assert!(!store.flows().decide(&flow.id, later(6)).await.unwrap());
}

async fn a_flow_that_is_over_is_not_decided(store: Store) {
    let flow = claude_flow(&store, "one").await;
    assert!(!store.flows().decide(&flow.id, later(600)).await.unwrap());
    assert!(!store.flows().decide(&FlowId::new("flw_other"), NOW).await.unwrap());
    assert_eq!(store.flows().get(&flow.id).await.unwrap().unwrap().decided_at, None);
}

async fn ended_flows_are_collected(store: Store) {
    let flows = store.flows();
    let open = claude_flow(&store, "open").await;
    let decided = claude_flow(&store, "decided").await;
    assert!(flows.decide(&decided.id, later(5)).await.unwrap());
    assert_eq!(flows.collect(earlier(5)).await.unwrap(), 0);
    assert_eq!(flows.collect(later(6)).await.unwrap(), 1);
    assert!(flows.get(&open.id).await.unwrap().is_some());
    assert_eq!(flows.collect(later(601)).await.unwrap(), 1);
    assert!(flows.get(&open.id).await.unwrap().is_none());
}
