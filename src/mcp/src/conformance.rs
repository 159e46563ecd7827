//! What the official conformance suite wants to find on a server: its tools, prompts and resources, and the methods of
//! the protocol that the product has no use for.
//!
//! The suite looks for things with agreed names. They stand behind the same guard and the same transport as the
//! product's tools; only the catalogue is another. Not for a release: the feature `conformance` brings it in.
//!
//! How to add a tool: its name in `tools`, and its answer in the module of its subject. Nothing here is recorded in the
//! audit log, and nothing here reads data.
#![expect(deprecated, reason = "the suite tests logging, sampling and roots too, which the newest revision deprecates")]

mod asking;
mod capabilities;
mod completion;
mod content;
mod forms;
mod media;
mod multi_round;
mod notices;
mod prompts;
mod replies;
mod request_state;
mod resources;
mod schemas;
#[cfg(test)]
mod tests;
mod tools;

use std::sync::{Arc, Mutex, PoisonError};

use margay_domain::entropy::{Entropy, OsEntropy};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestParams, CompleteResult,
        CustomRequest, CustomResult, DiscoverResult, ErrorCode, GetPromptRequestParams, GetPromptResponse,
        GetPromptResult, Implementation, InputRequiredResult, ListPromptsResult, ListResourceTemplatesResult,
        ListResourcesResult, ListToolsResult, LoggingLevel, MetaObject, PaginatedRequestParams,
        ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, ServerCapabilities, ServerConfig,
        SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams,
    },
    service::{RequestContext, SubscriptionContext},
};
use serde_json::Value;
use tokio::sync::broadcast;

use notices::Change;
use request_state::RequestStates;

/// How long a client may keep a list or a resource, in milliseconds (row C5). They never change.
const TTL_MS: u64 = 60_000;

/// The key under which the server names itself on every modern result (row V1).
const SERVER_INFO_KEY: &str = "io.modelcontextprotocol/serverInfo";

/// So many changes may wait for a subscriber.
const CHANGES: usize = 16;

/// A request as the library hands it over.
type Context = RequestContext<RoleServer>;

/// The fixtures. A clone is a new session: the library makes one for every session, and for every request outside of
/// one. Clones share subscriptions and the key of request states.
pub(crate) struct Fixtures {
    shared: Arc<Shared>,
    /// What this session wants to hear at least; only older clients set it (row L9).
    level: Mutex<LoggingLevel>,
}

struct Shared {
    about: ServerConfig,
    /// The value for [`SERVER_INFO_KEY`].
    server_info: Value,
    /// Tells subscriptions what changed.
    changes: broadcast::Sender<Change>,
    states: RequestStates,
}

impl Clone for Fixtures {
    fn clone(&self) -> Self {
        Self::session(Arc::clone(&self.shared))
    }
}

impl Fixtures {
    /// With a key for request states that ends with the process.
    pub(crate) fn new() -> Self {
        Self::with(&OsEntropy)
    }

    fn with(entropy: &dyn Entropy) -> Self {
        let implementation = Implementation::new("margay-conformance", env!("CARGO_PKG_VERSION"));
        let server_info = serde_json::to_value(&implementation).unwrap_or_default();
        let capabilities = ServerCapabilities::builder()
            .enable_logging()
            .enable_completions()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_tools()
            .enable_tool_list_changed()
            .build();
        Self::session(Arc::new(Shared {
            about: ServerConfig::new(capabilities).with_server_info(implementation),
            server_info,
            changes: broadcast::Sender::new(CHANGES),
            states: RequestStates::new(entropy),
        }))
    }

    fn session(shared: Arc<Shared>) -> Self {
        Self { shared, level: Mutex::new(LoggingLevel::Debug) }
    }

    fn level(&self) -> LoggingLevel {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn meta(&self, context: &Context) -> Option<MetaObject> {
        is_modern(context).then(|| {
            let mut meta = MetaObject::new();
            meta.insert(SERVER_INFO_KEY.to_owned(), self.shared.server_info.clone());
            meta
        })
    }
}

/// Row C5: says to newer clients how long they may keep a result. It is the same for everybody.
macro_rules! cacheable {
    ($fixtures:expr, $context:expr, $result:expr) => {{
        let mut result = $result;
        if is_modern($context) {
            result.ttl_ms = Some(TTL_MS);
            result.cache_scope = Some(CacheScope::Public);
        }
        result.meta = $fixtures.meta($context);
        result
    }};
}

impl ServerHandler for Fixtures {
    fn get_info(&self) -> ServerConfig {
        self.shared.about.clone()
    }

    async fn discover(&self, _context: Context) -> Result<DiscoverResult, ErrorData> {
        let versions = self.supported_protocol_versions().into_owned();
        Ok(DiscoverResult::from_server_info(versions, self.get_info())
            .with_ttl_ms(TTL_MS)
            .with_cache_scope(CacheScope::Public))
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListToolsResult, ErrorData> {
        check_cursor(request)?;
        Ok(cacheable!(self, &context, ListToolsResult::with_all_items(tools::all())))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::all().into_iter().find(|tool| tool.name == name)
    }

    async fn call_tool(&self, request: CallToolRequestParams, context: Context) -> Result<CallToolResponse, ErrorData> {
        let mut response = tools::call(self, &request, &context).await?;
        if let CallToolResponse::Complete(CallToolResult { meta, .. })
        | CallToolResponse::InputRequired(InputRequiredResult { meta, .. }) = &mut response
        {
            *meta = self.meta(&context);
        }
        Ok(response)
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListPromptsResult, ErrorData> {
        check_cursor(request)?;
        Ok(cacheable!(self, &context, ListPromptsResult::with_all_items(prompts::all())))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: Context,
    ) -> Result<GetPromptResponse, ErrorData> {
        let mut response = prompts::get(&request, &context)?;
        if let GetPromptResponse::Complete(GetPromptResult { meta, .. })
        | GetPromptResponse::InputRequired(InputRequiredResult { meta, .. }) = &mut response
        {
            *meta = self.meta(&context);
        }
        Ok(response)
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListResourcesResult, ErrorData> {
        check_cursor(request)?;
        Ok(cacheable!(self, &context, ListResourcesResult::with_all_items(resources::all())))
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        check_cursor(request)?;
        Ok(cacheable!(self, &context, ListResourceTemplatesResult::with_all_items(resources::templates())))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let contents = resources::read(&request.uri)?;
        Ok(cacheable!(self, &context, ReadResourceResult::new(vec![contents])).into())
    }

    async fn complete(&self, request: CompleteRequestParams, context: Context) -> Result<CompleteResult, ErrorData> {
        let mut result = CompleteResult::new(completion::complete(&request)?);
        result.meta = self.meta(&context);
        Ok(result)
    }

    async fn set_level(&self, request: SetLevelRequestParams, context: Context) -> Result<(), ErrorData> {
        // Row P2: newer clients name a level with each request.
        if is_modern(&context) {
            return Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "logging/setLevel", None));
        }
        *self.level.lock().unwrap_or_else(PoisonError::into_inner) = request.level;
        Ok(())
    }

    /// No resource ever changes, so there is nothing to remember about who wants to hear of it.
    async fn subscribe(&self, request: SubscribeRequestParams, _context: Context) -> Result<(), ErrorData> {
        resources::read(&request.uri).map(drop)
    }

    async fn unsubscribe(&self, request: UnsubscribeRequestParams, _context: Context) -> Result<(), ErrorData> {
        resources::read(&request.uri).map(drop)
    }

    /// The library takes out what the capabilities do not announce.
    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        notices::listen(self.shared.changes.subscribe(), &context).await;
        Ok(())
    }

    /// Everything that is no request of the protocol, and requests whose parameters cannot be read.
    async fn on_custom_request(&self, request: CustomRequest, _context: Context) -> Result<CustomResult, ErrorData> {
        Err(match request.method.as_str() {
            "tools/call" | "prompts/get" | "resources/read" | "completion/complete" => {
                ErrorData::invalid_params("The parameters do not fit this method.", None)
            }
            _ => ErrorData::new(ErrorCode::METHOD_NOT_FOUND, request.method, None),
        })
    }
}

/// Row C4: there is one page, so no cursor was ever handed out.
fn check_cursor(request: Option<PaginatedRequestParams>) -> Result<(), ErrorData> {
    if request.and_then(|params| params.cursor).is_some_and(|cursor| !cursor.is_empty()) {
        return Err(ErrorData::invalid_params("There is only one page: leave the cursor out.", None));
    }
    Ok(())
}

fn is_modern(context: &Context) -> bool {
    context.protocol_version().is_some_and(|version| !version.has_initialize())
}
