//! Promises of identity providers: who comes by one, what he may, and what of it is believed.

use super::provider::{ISSUER, through_provider, with_manifests, with_provider};
use super::unit::{Unit, manifest};
use base::Clock;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::{Credential, Principal};
use serde_json::{Value, json};
use std::sync::Arc;

#[test]
fn a_role_that_was_taken_away_does_not_come_back_with_an_older_token() {
    let (unit, provider) = with_provider();
    let said = |groups: Value| {
        unit.clock.pass(5);
        provider.token(&json!({ "groups": groups }))
    };
    through_provider(&unit, &provider, "good").expect("signed in");
    let older = said(json!(["sales", "it"]));
    unit.clock.pass(5);
    through_provider(&unit, &provider, "good").expect("signed in, with the same groups as before");
    assert!(unit.who(&older).is_ok(), "it is still good");
    assert_eq!(unit.roles("acme/ana"), ["viewer"], "and brings no right back");

    let older = said(json!(["sales", "it"]));
    let commit = unit.kernel.commit();
    for _ in 0..5 {
        assert!(unit.who(&said(json!(["sales"]))).is_ok());
    }
    assert!(unit.kernel.commit() <= commit + 2, "not one for each");
    assert!(unit.who(&older).is_ok());
    assert_eq!(unit.roles("acme/ana"), ["viewer"], "a program has shown a newer one");

    let store = Arc::clone(unit.kernel.store());
    drop(unit);
    let unit = Unit::over(store);
    unit.kernel.set_web(provider.clone());
    assert!(unit.who(&older).is_ok());
    assert_eq!(unit.roles("acme/ana"), ["viewer"], "after a restart, too");
    let newer = provider.token(&json!({"groups": ["sales", "it"]}));
    assert!(unit.who(&newer).is_ok());
    assert_eq!(unit.roles("acme/ana"), ["viewer"], "as new as what was said last");
    provider.clock.pass(1);
    let newer = provider.token(&json!({"groups": ["sales", "it"]}));
    assert!(unit.who(&newer).is_ok());
    assert_eq!(unit.roles("acme/ana"), ["owner", "viewer"], "newer");
}

#[test]
fn somebody_whom_a_provider_knows_becomes_a_user_with_the_roles_of_his_claims() {
    let (unit, provider) = with_provider();
    let made = through_provider(&unit, &provider, "good").expect("signed in");
    assert_eq!(made["user"], "acme/ana");
    let token = made["token"].as_str().expect("a token");
    assert_eq!(unit.who(token).expect("known").principal, Principal::User("acme/ana".into()));
    assert_eq!(unit.roles("acme/ana"), ["viewer"]);
    assert_eq!(
        through_provider(&unit, &provider, "bad").expect_err("refused").code,
        "sign_in.rejected"
    );
    unit.apply("user:olga", with_manifests(json!({"sales": ["approver"]}), json!(null)));
    assert_eq!(
        unit.roles("acme/ana"),
        ["approver"],
        "what the manifest makes of groups counts at once"
    );
    unit.apply("user:olga", json!([manifest("User", "olga", json!({"roles": ["owner"]}))]));
    assert!(unit.roles("acme/ana").is_empty());
    assert!(unit.who(token).is_err(), "his sessions have ended with the provider");
}

#[test]
fn the_clients_secret_is_a_secret_of_the_unit_and_goes_to_its_hosts_only() {
    let (unit, provider) = with_provider();
    let apply = |host: &str| {
        let client =
            json!({"issuer": ISSUER, "client_id": "craton", "client_secret": {"secret": "other"}});
        let manifests = json!([
            manifest("User", "olga", json!({"roles": ["owner"]})),
            manifest("Secret", "other", json!({"hosts": [host]})),
            manifest("IdentityProvider", "acme", client),
        ]);
        unit.apply("user:olga", manifests);
    };
    let refused = || {
        let problem = through_provider(&unit, &provider, "good").expect_err("refused");
        assert_eq!(problem.code, "sign_in.provider");
        problem.message
    };
    apply("id.example");
    assert!(refused().contains("secret.unset"));
    let value = json!({"value": "s:cret"});
    unit.ask("user:olga", "secret.set", ("secret", "other"), value).expect("set");
    let made = through_provider(&unit, &provider, "good").expect("signed in");
    assert_eq!(made["user"], "acme/ana");
    apply("other.example");
    let asked = provider.asked(&format!("{ISSUER}/token"));
    assert!(refused().contains("`id.example` under `hosts`"));
    assert_eq!(provider.asked(&format!("{ISSUER}/token")), asked, "it was sent nowhere");
}

#[test]
fn a_declared_user_with_this_identity_is_the_same_person() {
    let (unit, provider) = with_provider();
    unit.apply("user:olga", with_manifests(json!({"sales": ["viewer"]}), json!("acme/ana")));
    let made = through_provider(&unit, &provider, "good").expect("signed in");
    assert_eq!(made["user"], "vera");
    assert_eq!(unit.roles("vera"), ["analyst", "viewer"]);
    let token = provider.token(&json!({"groups": ["sales"]}));
    assert_eq!(unit.who(&token).expect("known").principal, Principal::User("vera".into()));
}

#[test]
fn who_declares_a_user_holds_every_role_that_his_identity_may_give() {
    let (unit, _provider) = with_provider();
    let policies = "permit(principal in Role::\"clerk\", action, resource) \
                    when { [\"user\", \"resource\"].contains(resource.kind) };";
    let apply = |who: &str, manifests: Value| {
        let args = json!({ "manifests": manifests });
        unit.ask(who, "resource.apply", ("resource", ""), args)
    };
    let people = json!([
        manifest("Role", "clerk", json!({ "policies": policies })),
        manifest("User", "kim", json!({"roles": ["clerk", "viewer"]})),
    ]);
    apply("user:olga", people).expect("applied");
    let bob = |identity: Value| {
        json!([manifest("User", "bob", json!({"roles": ["viewer"], "identity": identity}))])
    };
    apply("user:kim", bob(json!(null))).expect("she holds what he gets");
    let problem = apply("user:kim", bob(json!("acme/bob"))).expect_err("refused");
    assert_eq!(problem.code, "policy.grant");
    assert!(problem.message.contains("`owner`"), "{}", problem.message);
    unit.apply("user:olga", with_manifests(json!({"sales": ["viewer"]}), json!(null)));
    apply("user:kim", bob(json!("acme/bob"))).expect("the provider gives no more than she holds");
}

#[test]
fn somebody_of_a_provider_is_limited_by_his_name() {
    let (unit, provider) = with_provider();
    through_provider(&unit, &provider, "good").expect("signed in");
    let limit = |who: &str| {
        let args = json!({"principal": format!("user:{who}"), "rate": 5});
        let done = unit.ask("user:olga", "running.limit", ("running", ""), args);
        done.map_or_else(|problem| problem.code, |_| "ok".into())
    };
    assert_eq!(limit("acme/ana"), "ok");
    assert_eq!(limit("acme/nobody"), "resource.not_found");
    let quota = |who: &str| {
        let spec = json!({"for": format!("user/{who}"), "rate": 5});
        let args = json!({"manifests": [manifest("Quota", "slow", spec)]});
        let done = unit.ask("user:olga", "resource.apply", ("resource", ""), args);
        done.map_or_else(|problem| problem.code, |_| "ok".into())
    };
    assert_eq!(quota("acme/nobody"), "manifest.reference");
    assert_eq!(quota("acme/ana"), "ok");
}

#[test]
fn a_token_of_the_provider_is_taken_until_it_expires_and_news_are_written_down() {
    let (unit, provider) = with_provider();
    let old = provider.token(&json!({"groups": ["it"]}));
    assert_eq!(unit.who(&old).expect("known").principal, Principal::User("acme/ana".into()));
    assert_eq!(unit.roles("acme/ana"), ["owner"]);
    unit.clock.pass(10);
    let new = provider.token(&json!({"groups": []}));
    assert!(unit.who(&new).is_ok());
    assert!(unit.roles("acme/ana").is_empty());
    assert!(unit.who(&old).is_ok(), "it is still good");
    assert!(unit.roles("acme/ana").is_empty(), "and brings no right back");
    for wrong in [
        json!({"aud": "other"}),
        json!({"iss": "https://evil.example"}),
        json!({"exp": 1}),
        json!({"sub": ""}),
        json!({"iat": null}),
    ] {
        assert!(unit.who(&provider.token(&wrong)).is_err(), "{wrong}");
    }
    unit.clock.pass(301);
    assert!(unit.who(&new).expect_err("refused").contains("expired"));
}

#[test]
fn a_provider_is_asked_seldom_whatever_is_shown() {
    let (unit, provider) = with_provider();
    let good = provider.token(&json!({}));
    assert!(unit.who(&good).is_ok());
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unknown = format!(
        "{}.{}.AAAA",
        part(json!({"alg": "EdDSA", "kid": "k2"})),
        part(json!({"iss": ISSUER}))
    );
    for _ in 0..50 {
        assert!(unit.who(&unknown).is_err());
    }
    let keys = format!("{ISSUER}/keys");
    assert_eq!(provider.asked(&keys), 1);
    unit.clock.pass(61);
    for _ in 0..50 {
        assert!(unit.who(&unknown).is_err());
    }
    assert_eq!(provider.asked(&keys), 2);
}

#[test]
fn whoever_is_known_waits_for_no_provider() {
    let (unit, provider) = with_provider();
    let token = |seconds: i64| {
        let now = unit.clock.wall().0 / 1_000;
        provider.token(&json!({"groups": ["sales"], "iat": now + seconds}))
    };
    assert!(unit.who(&token(0)).is_ok());
    unit.clock.pass(61);
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({"alg": "EdDSA", "kid": "k2"}));
    let unknown = format!("{header}.{}.AAAA", part(json!({"iss": ISSUER})));
    let described = format!("{ISSUER}/.well-known/openid-configuration");
    let silent = provider.answers.lock().expect("a lock");
    std::thread::scope(|scope| {
        let asks = scope.spawn(|| unit.who(&unknown));
        while provider.asked(&described) < 2 {
            std::thread::yield_now();
        }
        // The provider is being asked and does not answer. What needs no answer goes on, and nobody else waits for one.
        assert!(unit.who(&token(-1)).is_ok());
        let problem = unit.handle.authenticate(&Credential::Bearer(&unknown)).expect_err("later");
        assert_eq!(problem.code, "sign_in.provider");
        assert!(problem.message.contains("being asked"), "{}", problem.message);
        drop(silent);
        assert!(asks.join().expect("it ends").is_err());
    });
    assert_eq!(provider.asked(&described), 2);
}

#[test]
fn an_answer_of_another_provider_is_refused() {
    let (unit, provider) = with_provider();
    let finish = |further: Value| {
        let begin = json!({"provider": "acme", "port": 4_000});
        let begun = unit.ask("anonymous", "session.begin", ("session", ""), begin).expect("begun");
        let url = begun["url"].as_str().expect("an address");
        let nonce = url.split("nonce=").nth(1).and_then(|rest| rest.split('&').next());
        *provider.nonce.lock().expect("a lock") = nonce.expect("a nonce").to_owned();
        let mut args = json!({"key": begun["key"], "state": begun["state"], "code": "good"});
        for (name, value) in further.as_object().into_iter().flatten() {
            args[name] = value.clone();
        }
        unit.ask("anonymous", "session.finish", ("session", ""), args)
    };
    let code = |further: Value| finish(further).expect_err("refused").code;
    assert_eq!(code(json!({"provider": "other"})), "sign_in.flow");
    assert_eq!(code(json!({"issuer": "https://evil.example"})), "sign_in.flow");
    assert_eq!(code(json!({"provider": "acme", "issuer": ""})), "sign_in.flow");
    assert_eq!(provider.asked(&format!("{ISSUER}/token")), 0, "no code was sent anywhere");
    let made = finish(json!({"provider": "acme", "issuer": ISSUER})).expect("signed in");
    assert_eq!((&made["user"], &made["secure"]), (&json!("acme/ana"), &json!(false)));
}

#[test]
fn what_a_sign_in_carries_cannot_be_changed_or_kept_for_long() {
    let (unit, _provider) = with_provider();
    let begin = json!({"provider": "acme", "port": 4_000});
    let begun = unit.ask("anonymous", "session.begin", ("session", ""), begin).expect("begun");
    let (key, state) =
        (begun["key"].as_str().expect("a key"), begun["state"].as_str().expect("a state"));
    let finish = |key: &str, state: &str| {
        let args = json!({"key": key, "state": state, "code": "good"});
        unit.ask("anonymous", "session.finish", ("session", ""), args).expect_err("refused").code
    };
    let (text, seal) = key.split_once('.').expect("two parts");
    for (key, state) in [
        (format!("{text}x.{seal}"), state),
        (format!("{text}.{}", seal.replace(|digit: char| digit != '0', "0")), state),
        (String::new(), state),
        (key.to_owned(), "another"),
    ] {
        assert_eq!(finish(&key, state), "sign_in.flow");
    }
    unit.clock.pass(601);
    assert_eq!(finish(key, state), "sign_in.flow");
    let nobody = json!({"provider": "nobody", "port": 1});
    let problem =
        unit.ask("anonymous", "session.begin", ("session", ""), nobody).expect_err("refused");
    assert_eq!(problem.code, "resource.not_found");
}

#[test]
fn who_declares_a_provider_holds_what_it_gives() {
    let (unit, _provider) = with_provider();
    let problem = unit
        .ask(
            "user:olga",
            "resource.apply",
            ("resource", ""),
            json!({"manifests": [
                manifest("IdentityProvider", "second", json!({"issuer": ISSUER, "client_id": "x"})),
            ]}),
        )
        .expect_err("refused");
    assert_eq!(problem.code, "manifest.invalid");
    assert!(problem.message.contains("same issuer"), "{}", problem.message);
    let problem = unit
        .ask(
            "user:olga",
            "resource.apply",
            ("resource", ""),
            json!({"manifests": [
                manifest("IdentityProvider", "other", json!({
                    "issuer": "https://other.example", "client_id": "x",
                    "roles": {"everybody": ["no-such-role"]},
                })),
            ]}),
        )
        .expect_err("refused");
    assert_eq!(problem.code, "manifest.reference");
}
