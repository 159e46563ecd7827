//! Resources and prompts, against a server that has data.

use margay_domain::{
    audit::{AI_RESOURCE_READ, AuditQuery},
    clock::Clock as _,
    ports::DataLake as _,
};
use serde_json::{Value, json};

use crate::{
    harness::{Browser, Client, connected, story},
    mcp::{event, initialize, legacy},
};

/// A modern `resources/read`; its header carries the URI (row H10).
async fn read(client: &Client, token: &str, uri: &str) -> Value {
    client.mcp(token, "resources/read", json!({ "uri": uri })).await
}

story! {
    async fn schemas_and_tables_can_be_read(server) {
        let now = server.clock.now();
        let login = json!({ "published": now.to_rfc3339(), "eventType": "user.session.start", "uuid": "1" });
        let event_of_okta = login.as_object().expect("an object").clone();
        server.parts.lake.ingest_events("Okta.SystemLog", vec![event_of_okta], now).await.expect("ingested");
        let (client, token) = connected(server).await;
        let listed = client.mcp(&token, "resources/list", json!({})).await;
        let uris: Vec<&str> =
            listed["result"]["resources"].as_array().expect("resources").iter().filter_map(|it| it["uri"].as_str()).collect();
        let schema = "margay://log-schemas/Okta.SystemLog";
        let table = "margay://tables/panther_logs.public/okta_systemlog";
        assert!(uris.contains(&schema) && uris.contains(&table), "{uris:?}");
        let templates = client.mcp(&token, "resources/templates/list", json!({})).await;
        assert_eq!(templates["result"]["resourceTemplates"].as_array().expect("templates").len(), 2);

        let yaml = read(&client, &token, schema).await;
        assert!(yaml["result"]["contents"][0]["text"].as_str().expect("YAML").contains("fields:"), "{yaml}");
        assert_eq!(yaml["result"]["cacheScope"], "private");
        let columns = read(&client, &token, table).await;
        let text = columns["result"]["contents"][0]["text"].as_str().expect("JSON");
        let described: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(described["logType"], "Okta.SystemLog");
        let nothing = read(&client, &token, "margay://log-schemas/No.Such").await;
        assert_eq!(nothing["error"]["code"], -32602, "{nothing}");

        // The older era reads the same.
        let opened = legacy(server, &token, None, initialize()).await;
        let session = opened.headers()["mcp-session-id"].to_str().expect("ASCII").to_owned();
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        legacy(server, &token, Some(&session), ready).await;
        let asked = json!({ "jsonrpc": "2.0", "id": 2, "method": "resources/read", "params": { "uri": schema } });
        let answer = event(legacy(server, &token, Some(&session), asked).await).await;
        assert_eq!(answer["result"]["contents"][0]["mimeType"], "application/yaml", "{answer}");

        // Somebody without the permissions sees none, and hears why one cannot be read.
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let other = Client::register(server).await;
        let theirs = other.connect(&browser, &["AlertRead"]).await.access;
        let empty = other.mcp(&theirs, "resources/list", json!({})).await;
        assert_eq!(empty["result"]["resources"], json!([]), "{empty}");
        let denied = read(&other, &theirs, schema).await;
        assert!(denied["error"]["message"].as_str().expect("a sentence").contains("View Log Sources"), "{denied}");

        let query = AuditQuery { action: Some(AI_RESOURCE_READ.to_owned()), limit: 10, ..AuditQuery::default() };
        let events = server.parts.store.audit_log().search(&query).await.expect("events");
        assert_eq!(events.len(), 5, "one event for every reading");
        let admin = Browser::signed_in(server, "admin@example.com").await;
        let page = admin.get("/audit?action=AI_RESOURCE_READ").await.page.text();
        assert!(page.contains(schema) && page.contains("viewer@example.com"), "{page}");
    }
}

story! {
    async fn prompts_name_the_tools_to_call(server) {
        let (client, token) = connected(server).await;
        let listed = client.mcp(&token, "prompts/list", json!({})).await;
        let names: Vec<&str> =
            listed["result"]["prompts"].as_array().expect("prompts").iter().filter_map(|it| it["name"].as_str()).collect();
        assert_eq!(names.len(), 6, "{names:?}");
        let asked = json!({ "name": "investigate-indicator", "arguments": { "indicator": "198.51.100.23", "days": "3" } });
        let got = client.mcp(&token, "prompts/get", asked).await;
        let text = got["result"]["messages"][0]["content"]["text"].as_str().expect("text");
        assert!(text.contains("\"198.51.100.23\"") && text.contains("search_indicators"), "{text}");
    }
}
