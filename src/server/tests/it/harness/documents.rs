//! A web site with a metadata document, over TLS on this machine.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer},
};

/// What the site answers.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    /// Whole header lines.
    pub(crate) headers: String,
    pub(crate) body: String,
    pub(crate) delay: Duration,
}

/// The site.
pub(crate) struct DocumentSite {
    /// Without a trailing slash.
    pub(crate) url: String,
    answer: Arc<Mutex<Option<Document>>>,
    asked: Arc<AtomicUsize>,
    dir: tempfile::TempDir,
}

impl DocumentSite {
    /// Starts it with a certificate of its own; it answers nothing yet.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(dir.path().join("ca.pem"), made.cert.pem()).expect("the certificate is written");
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("a configuration");
        let site =
            Self { url: format!("https://localhost:{port}"), answer: Arc::default(), asked: Arc::default(), dir };
        let (acceptor, answer, asked) =
            (TlsAcceptor::from(Arc::new(config)), Arc::clone(&site.answer), Arc::clone(&site.asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                asked.fetch_add(1, Ordering::SeqCst);
                let document = answer.lock().expect("the answer").clone();
                tokio::spawn(serve(acceptor.clone(), stream, document));
            }
        });
        site
    }

    /// The certificate to trust.
    pub(crate) fn ca_file(&self) -> PathBuf {
        Path::new(self.dir.path()).join("ca.pem")
    }

    /// How often somebody connected.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// From now on answers this; `None` breaks every connection off.
    pub(crate) fn answer(&self, document: Option<Document>) {
        *self.answer.lock().expect("the answer") = document;
    }

    /// The address of a client's document.
    pub(crate) fn client_id(&self, name: &str) -> String {
        format!("{}/{name}.json", self.url)
    }

    /// A good document of the client `name` with members replaced; null removes one.
    pub(crate) fn good(&self, name: &str, replaced: Value) -> Document {
        let mut document = json!({
            "client_id": self.client_id(name),
            "client_name": "A documented client",
            "redirect_uris": ["http://127.0.0.1/callback"],
            "token_endpoint_auth_method": "none",
        });
        for (member, value) in replaced.as_object().expect("an object") {
            document[member] = value.clone();
        }
        Document {
            status: 200,
            content_type: "application/json",
            headers: String::new(),
            body: document.to_string(),
            delay: Duration::ZERO,
        }
    }
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, document: Option<Document>) {
    let Some(document) = document else { return };
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(read) => request.extend_from_slice(&buffer[..read]),
        }
    }
    tokio::time::sleep(document.delay).await;
    let answer = format!(
        "HTTP/1.1 {} Status\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n{}\r\n{}",
        document.status,
        document.content_type,
        document.body.len(),
        document.headers,
        document.body
    );
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}
