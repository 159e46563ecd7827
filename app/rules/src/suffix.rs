//! Domains below which anybody can have a name: what a registry sells, and what hosting and tunnel services hand out.
//!
//! A compact part of the Public Suffix List (<https://publicsuffix.org>), both of its sections, so that browser and
//! server warn alike; the whole list would be larger than everything else that the browser loads. It only warns: what
//! is missing here is saved without a word, and what is refused does not depend on it.

/// Who can have a name below a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shared {
    /// A top-level domain, such as `com`.
    TopLevel,
    /// A registry sells names here, such as `co.uk`.
    Registry,
    /// A service gives names here to its users, such as `github.io`.
    Platform,
}

/// Second labels that registries of countries use for names of their own, such as `co` in `co.uk`.
const SECOND_LEVEL: &str = "\
    ac asn co com edu firm go gob gouv gov gub ltd mil ne net nom or org plc sch";

/// Other domains where a registry sells names.
const REGISTRIES: &str = "\
    ad.jp adv.br art.br biz.id biz.pl blog.br br.com cn.com co.com com.de de.com dev.br eco.br ed.jp eng.br \
    eu.com eu.org gb.net geek.nz gen.in gen.nz gen.tr gr.jp id.au idv.hk idv.tw in.net in.th ind.br ind.in \
    inf.br info.pl jp.net jpn.com lg.jp me.uk mex.com my.id nhs.uk pe.kr police.uk re.kr res.in ru.com sa.com \
    se.net uk.com uk.net us.com us.org web.id web.tr web.za za.com";

/// Services that give each of their users a name right below this domain.
const PLATFORMS: &str = "\
    000webhostapp.com adaptable.app alwaysdata.net amplifyapp.com app.github.dev appspot.com atlassian.net \
    auth0.com awsapprunner.com azure-api.net azureedge.net azurefd.net azurestaticapps.net azurewebsites.net \
    b2clogin.com base44.app bitbucket.io blogspot.com bolt.host bubbleapps.io carrd.co cleverapps.io \
    cloudapp.net cloudflareaccess.com cloudfront.net cloudfunctions.net codesandbox.io convex.cloud convex.site \
    csb.app ddns.net ddnsfree.com deno.dev devtunnels.ms duckdns.org dyndns.org dynu.net elasticbeanstalk.com \
    exe.xyz firebaseapp.com fly.dev framer.app framer.website freshdesk.com ghost.io gitbook.io gitee.io \
    github.io githubpreview.dev githubusercontent.com gitlab.io gitpod.io glide.page glitch.me \
    googleusercontent.com gradio.live hasura.app herokuapp.com hf.space hopto.org infinityfreeapp.com \
    interact.sh is-a.dev js.org koyeb.app lhr.life loca.lt localhost.run localtunnel.me lovable.app \
    lovableproject.com modal.run my.salesforce.com myshopify.com n8n.cloud neocities.org netlify.app nhost.run \
    nip.io no-ip.org notion.site now.sh okta.com on.aws ondigitalocean.app onmicrosoft.com onrender.com \
    pages.dev pinggy.link pipedream.net platformsh.site pythonanywhere.com r2.dev railway.app readthedocs.io \
    repl.co replit.app retool.com serveo.net sharedwithexpose.com sharepoint.com softr.app sslip.io \
    stackblitz.io streamlit.app substack.com supabase.co surge.sh sytes.net tiiny.site trycloudflare.com ts.net \
    tumblr.com tunnelmole.net up.railway.app upsun.app val.run vercel.app vercel.dev web.app webcontainer.io \
    webflow.io webhook.site weebly.com wixsite.com wordpress.com workers.dev xip.io zapier.app zapto.org \
    zeabur.app zendesk.com";

/// Services that put regions or machines between this domain and the names of their users: shared at every depth.
const DEEP_PLATFORMS: &str = "\
    amazonaws.com azurecontainerapps.io azurestaticapps.net beeceptor.com burpcollaborator.net \
    cloudapp.azure.com code.run core.windows.net devtunnels.ms digitaloceanspaces.com logic.azure.com make.com \
    ngrok-free.app ngrok-free.dev ngrok.app ngrok.dev ngrok.io oast.fun oast.live oast.pro on.aws replit.dev \
    run.app scw.cloud";

/// Hosts where everybody gets an address of their own by the path.
const SHARED_HOSTS: &str = "\
    docs.google.com hook.integromat.com hooks.zapier.com httpbin.org requestcatcher.com script.google.com \
    sites.google.com storage.googleapis.com webhook.site";

/// Who can create names directly below `zone`, a lower-case domain; `None` if no shared suffix is known.
pub fn shared(zone: &str) -> Option<Shared> {
    if zone.is_empty() {
        return None;
    }
    let Some((first, rest)) = zone.split_once('.') else { return Some(Shared::TopLevel) };
    if listed(PLATFORMS, zone) || is_deep(zone) {
        return Some(Shared::Platform);
    }
    let of_a_country = rest.len() == 2 && rest.bytes().all(|b| b.is_ascii_lowercase());
    let sold = of_a_country && listed(SECOND_LEVEL, first) || listed(REGISTRIES, zone);
    sold.then_some(Shared::Registry)
}

/// Whether names are sold or given away right below `host`, so that it is no client's host itself.
pub fn is_suffix(host: &str) -> bool {
    listed(DEEP_PLATFORMS, host) || !is_deep(host) && shared(host).is_some()
}

/// Whether everybody can get an address on `host` itself, by its path.
pub fn is_shared_host(host: &str) -> bool {
    listed(SHARED_HOSTS, host) || host.strip_prefix("hook.").is_some_and(|rest| rest.ends_with(".make.com"))
}

fn listed(list: &str, domain: &str) -> bool {
    list.split_whitespace().any(|listed| listed == domain)
}

fn is_deep(zone: &str) -> bool {
    DEEP_PLATFORMS
        .split_whitespace()
        .any(|platform| zone.strip_suffix(platform).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}
