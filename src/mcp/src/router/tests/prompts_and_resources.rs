//! Rows C1, C2 and C5.

use super::*;

fn items<'a>(list: &'a Value, key: &str, name: &str) -> Vec<&'a str> {
    list["result"][key].as_array().unwrap().iter().map(|item| item[name].as_str().unwrap()).collect()
}

#[tokio::test]
async fn prompts_follow_the_permissions_and_check_their_arguments() {
    let world = World::new();
    let server = world.server();
    let list = server.send(modern(ANA, "prompts/list", &json!({}))).await.json();
    // Read Alerts and View Rules are granted.
    assert_eq!(
        items(&list, "prompts", "name"),
        ["get-detection-rule-errors", "get-monthly-detection-quality-report", "prioritize-open-alerts"]
    );
    assert_eq!((&list["result"]["ttlMs"], &list["result"]["cacheScope"]), (&json!(60_000), &json!("private")));
    assert_eq!(list["result"]["prompts"][1]["arguments"][0]["required"], true);

    let got = server.send(modern(ANA, "prompts/get", &json!({ "name": "prioritize-open-alerts" }))).await.json();
    assert_eq!(got["result"]["messages"][0]["role"], "user", "{got}");
    assert!(got["result"]["messages"][0]["content"]["text"].as_str().unwrap().contains("list_alerts"));
    assert_eq!(got["result"]["resultType"], "complete");

    for (params, part) in [
        (json!({ "name": "no-such-prompt" }), "no prompt by this name"),
        // Not granted: looks the same.
        (json!({ "name": "investigate-indicator", "arguments": { "indicator": "x" } }), "no prompt by this name"),
        (json!({ "name": "get-monthly-detection-quality-report" }), "month"),
        (json!({ "name": "prioritize-open-alerts", "arguments": { "start_date": "soon" } }), "start_date"),
        (json!({ "name": "prioritize-open-alerts", "arguments": "text" }), "parameters"),
    ] {
        let reply = server.send(modern(ANA, "prompts/get", &params)).await;
        assert_eq!(error_code(&reply), -32602, "{params}");
        assert!(reply.json()["error"]["message"].as_str().unwrap().contains(part), "{params}: {reply:?}");
    }
    let session = open_session(&server, ANA).await;
    let list = server.send(legacy(ANA, Some(&session), "prompts/list", &json!({}))).await.json();
    assert_eq!(items(&list, "prompts", "name").len(), 3);
    assert_eq!(list["result"].get("ttlMs"), None);
    // A prompt reads nothing.
    assert!(world.events().is_empty());
}

#[tokio::test]
async fn resources_follow_the_permissions_and_every_reading_is_recorded() {
    let world = World::new();
    let server = world.server();
    // Neither kind is granted, so the store, which is not there, is not asked.
    let list = server.send(modern(ANA, "resources/list", &json!({}))).await.json();
    assert_eq!(list["result"]["resources"], json!([]), "{list}");
    assert_eq!(list["result"]["cacheScope"], "private");
    let templates = server.send(modern(ANA, "resources/templates/list", &json!({}))).await.json();
    assert_eq!(templates["result"]["resourceTemplates"], json!([]));

    let schema = json!({ "uri": "margay://log-schemas/AWS.CloudTrail" });
    let mut denied = modern(ANA, "resources/read", &schema);
    denied.headers_mut().insert("mcp-name", "margay://log-schemas/AWS.CloudTrail".parse().unwrap());
    let denied = server.send(denied).await;
    assert_eq!(error_code(&denied), -32602, "{denied:?}");
    assert!(denied.json()["error"]["message"].as_str().unwrap().contains("View Log Sources"));

    // The newer era knows one code for what is not there, the older one another.
    let mut unknown = modern(ANA, "resources/read", &json!({ "uri": "file:///etc/passwd" }));
    unknown.headers_mut().insert("mcp-name", "file:///etc/passwd".parse().unwrap());
    assert_eq!(error_code(&server.send(unknown).await), -32602);
    let session = open_session(&server, ANA).await;
    let unknown = legacy(ANA, Some(&session), "resources/read", &json!({ "uri": "file:///etc/passwd" }));
    assert_eq!(error_code(&server.send(unknown).await), -32002);
    let malformed = legacy(ANA, Some(&session), "resources/read", &json!({ "uri": 7 }));
    assert_eq!(error_code(&server.send(malformed).await), -32602);
    let cursor = legacy(ANA, Some(&session), "resources/list", &json!({ "cursor": "AAAA" }));
    assert_eq!(error_code(&server.send(cursor).await), -32602);

    let events = world.events();
    assert!(events.iter().all(|event| event.action_name == "AI_RESOURCE_READ"));
    assert_eq!(world.outcomes(), ["denied", "error", "error", "error"]);
}
