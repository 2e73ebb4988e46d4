//! Where every operation is found: the only place that knows paths.

use crate::client::Request;

/// `resource.apply`
pub fn resource_apply() -> Request {
    Request::post(&["resources", "apply"])
}

/// `resource.list`
pub fn resource_list(kind: &str) -> Request {
    Request::get(&["resources", kind])
}

/// `resource.get`
pub fn resource_get(kind: &str, name: &str) -> Request {
    Request::get(&["resources", kind, name])
}

/// `resource.history`
pub fn resource_history(kind: &str, name: &str) -> Request {
    Request::get(&["resources", kind, name, "history"])
}

/// `resource.delete`
pub fn resource_delete(kind: &str, name: &str) -> Request {
    Request::delete(&["resources", kind, name])
}

/// `policy.check`
pub fn policy_check() -> Request {
    Request::post(&["policies", "check"])
}

/// `unit.whoami`
pub fn unit_whoami() -> Request {
    Request::get(&["units", "whoami"])
}

/// `policy.why`
pub fn policy_why() -> Request {
    Request::post(&["policies", "why"])
}

/// `policy.who`
pub fn policy_who() -> Request {
    Request::post(&["policies", "who"])
}

/// `audit.list`
pub fn audit_list() -> Request {
    Request::get(&["audit"])
}

/// `user.list`
pub fn user_list() -> Request {
    Request::get(&["users"])
}

/// `session.create`
pub fn session_create() -> Request {
    Request::post(&["sessions"])
}

/// `session.begin`
pub fn session_begin() -> Request {
    Request::post(&["sessions", "begin"])
}

/// `session.finish`
pub fn session_finish() -> Request {
    Request::post(&["sessions", "finish"])
}

/// `session.list`
pub fn session_list() -> Request {
    Request::get(&["sessions"])
}

/// `session.end`
pub fn session_end(id: &str) -> Request {
    Request::post(&["sessions", id, "end"])
}

/// `user.set_password`
pub fn user_set_password(name: &str) -> Request {
    Request::post(&["users", name, "set_password"])
}

/// `user.delete_password`
pub fn user_delete_password(name: &str) -> Request {
    Request::post(&["users", name, "delete_password"])
}

/// `token.create`
pub fn token_create() -> Request {
    Request::post(&["tokens"])
}

/// `token.list`
pub fn token_list() -> Request {
    Request::get(&["tokens"])
}

/// `token.delete`
pub fn token_delete(id: &str) -> Request {
    Request::delete(&["tokens", id])
}

/// `clock.list`
pub fn clock_get() -> Request {
    Request::get(&["clocks"])
}

/// `clock.advance`
pub fn clock_advance() -> Request {
    Request::post(&["clocks", "advance"])
}

/// `process.list`
pub fn process_list() -> Request {
    Request::get(&["processes"])
}

/// `process.start`
pub fn process_start(name: &str) -> Request {
    Request::post(&["processes", name, "start"])
}

/// `instance.list`
pub fn instance_list() -> Request {
    Request::get(&["instances"])
}

/// `instance.get`
pub fn instance_get(key: &str) -> Request {
    Request::get(&["instances", key])
}

/// `instance.cancel`
pub fn instance_cancel(key: &str) -> Request {
    Request::post(&["instances", key, "cancel"])
}

/// `instance.set_variables`
pub fn instance_set_variables(key: &str) -> Request {
    Request::post(&["instances", key, "set_variables"])
}

/// `instance.move`
pub fn instance_move(key: &str) -> Request {
    Request::post(&["instances", key, "move"])
}

/// `instance.suspend`
pub fn instance_suspend(key: &str) -> Request {
    Request::post(&["instances", key, "suspend"])
}

/// `instance.resume`
pub fn instance_resume(key: &str) -> Request {
    Request::post(&["instances", key, "resume"])
}

/// `instance.migrate`
pub fn instance_migrate(key: &str) -> Request {
    Request::post(&["instances", key, "migrate"])
}

/// `process.suspend`
pub fn process_suspend(name: &str) -> Request {
    Request::post(&["processes", name, "suspend"])
}

/// `process.resume`
pub fn process_resume(name: &str) -> Request {
    Request::post(&["processes", name, "resume"])
}

/// `bulk.start`
pub fn bulk_start() -> Request {
    Request::post(&["bulk", "start"])
}

/// `bulk.get`
pub fn bulk_get(number: &str) -> Request {
    Request::get(&["bulk", number])
}

/// `bulk.list`
pub fn bulk_list() -> Request {
    Request::get(&["bulk"])
}

/// `bulk.stop`
pub fn bulk_stop(number: &str) -> Request {
    Request::post(&["bulk", number, "stop"])
}

/// `job.list`
pub fn job_list() -> Request {
    Request::get(&["jobs"])
}

/// `job.activate`
pub fn job_activate() -> Request {
    Request::post(&["jobs", "activate"])
}

/// `job.complete`
pub fn job_complete(id: &str) -> Request {
    Request::post(&["jobs", id, "complete"])
}

/// `job.fail`
pub fn job_fail(id: &str) -> Request {
    Request::post(&["jobs", id, "fail"])
}

/// `task.list`
pub fn task_list() -> Request {
    Request::get(&["tasks"])
}

/// `task.claim`
pub fn task_claim(id: &str) -> Request {
    Request::post(&["tasks", id, "claim"])
}

/// `task.complete`
pub fn task_complete(id: &str) -> Request {
    Request::post(&["tasks", id, "complete"])
}

/// `incident.list`
pub fn incident_list() -> Request {
    Request::get(&["incidents"])
}

/// `incident.resolve`
pub fn incident_resolve(id: &str) -> Request {
    Request::post(&["incidents", id, "resolve"])
}

/// `screen.list`
pub fn screen_list() -> Request {
    Request::get(&["screens"])
}

/// `screen.get`
pub fn screen_get(name: &str) -> Request {
    Request::get(&["screens", name])
}

/// `file.create`
pub fn file_create() -> Request {
    Request::post(&["files"])
}

/// `file.delete`
pub fn file_delete(name: &str) -> Request {
    Request::delete(&["files", name])
}

/// `file.get`
pub fn file_get(name: &str) -> Request {
    Request::get(&["files", name])
}

/// `file.read`
pub fn file_read(name: &str) -> Request {
    Request::get(&["files", name, "read"])
}

/// `stream.append`
pub fn stream_append(name: &str) -> Request {
    Request::post(&["streams", name, "append"])
}

/// `stream.read`
pub fn stream_read(name: &str) -> Request {
    Request::get(&["streams", name, "read"])
}

/// `device.list`
pub fn device_list() -> Request {
    Request::get(&["devices"])
}

/// `device.get`
pub fn device_get(name: &str) -> Request {
    Request::get(&["devices", name])
}

/// `device.create`
pub fn device_create() -> Request {
    Request::post(&["devices"])
}

/// `device.update`
pub fn device_update(name: &str) -> Request {
    Request::post(&["devices", name, "update"])
}

/// `device.twin`
pub fn device_twin(name: &str) -> Request {
    Request::get(&["devices", name, "twin"])
}

/// `device.set`
pub fn device_set(name: &str) -> Request {
    Request::post(&["devices", name, "set"])
}

/// `device.events`
pub fn device_events(name: &str) -> Request {
    Request::get(&["devices", name, "events"])
}

/// `device.command`
pub fn device_command(name: &str) -> Request {
    Request::post(&["devices", name, "command"])
}

/// `device.add_credential`
pub fn device_add_credential(name: &str) -> Request {
    Request::post(&["devices", name, "add_credential"])
}

/// `device.revoke_credential`
pub fn device_revoke_credential(name: &str) -> Request {
    Request::post(&["devices", name, "revoke_credential"])
}

/// `command.list`
pub fn command_list() -> Request {
    Request::get(&["commands"])
}

/// `command.get`
pub fn command_get(number: &str) -> Request {
    Request::get(&["commands", number])
}

/// `command.cancel`
pub fn command_cancel(number: &str) -> Request {
    Request::post(&["commands", number, "cancel"])
}

/// `table.seal`
pub fn table_seal(name: &str) -> Request {
    Request::post(&["tables", name, "seal"])
}

/// `table.compact`
pub fn table_compact(name: &str) -> Request {
    Request::post(&["tables", name, "compact"])
}

/// `table.vacuum`
pub fn table_vacuum(name: &str) -> Request {
    Request::post(&["tables", name, "vacuum"])
}

/// `data.erase`
pub fn data_erase() -> Request {
    Request::post(&["data", "erase"])
}

/// `data.find`
pub fn data_find() -> Request {
    Request::post(&["data", "find"])
}

/// `data.erasures`
pub fn data_erasures() -> Request {
    Request::get(&["data", "erasures"])
}

/// `sql.query`
pub fn sql_query() -> Request {
    Request::post(&["sql", "query"])
}

/// `unit.support`
pub fn unit_support() -> Request {
    Request::get(&["units", "support"])
}

/// `running.list`
pub fn running_list() -> Request {
    Request::get(&["running"])
}

/// `running.kill`, `running.pause`, `running.resume`, `running.limit`
pub fn running_tell(verb: &str) -> Request {
    Request::post(&["running", verb])
}

/// `node.list`
pub fn node_list() -> Request {
    Request::get(&["nodes"])
}

/// `query.list`
pub fn query_list() -> Request {
    Request::get(&["queries"])
}

/// `query.get`
pub fn query_get(name: &str) -> Request {
    Request::get(&["queries", name])
}

/// `query.run`
pub fn query_run(name: &str) -> Request {
    Request::post(&["queries", name, "run"])
}

/// `query.save`
pub fn query_save() -> Request {
    Request::post(&["queries", "save"])
}

/// `query.delete`
pub fn query_delete(name: &str) -> Request {
    Request::delete(&["queries", name])
}

/// `metric.query`
pub fn metric_query(name: &str) -> Request {
    Request::post(&["metrics", name, "query"])
}

/// `kpi.list`
pub fn kpi_list() -> Request {
    Request::get(&["kpis"])
}

/// `kpi.get`
pub fn kpi_get(name: &str) -> Request {
    Request::get(&["kpis", name])
}

/// `kpi.explain`
pub fn kpi_explain(name: &str) -> Request {
    Request::post(&["kpis", name, "explain"])
}

/// `kpi.evaluate`
pub fn kpi_evaluate(name: &str) -> Request {
    Request::post(&["kpis", name, "evaluate"])
}

/// `quality.list`
pub fn quality_list() -> Request {
    Request::get(&["quality"])
}

/// `quality.get`
pub fn quality_get(name: &str) -> Request {
    Request::get(&["quality", name])
}

/// `quality.run`
pub fn quality_run(name: &str) -> Request {
    Request::post(&["quality", name, "run"])
}

/// `secret.set`
pub fn secret_set(name: &str) -> Request {
    Request::post(&["secrets", name, "set"])
}

/// `secret.list`
pub fn secret_list() -> Request {
    Request::get(&["secrets"])
}

/// `secret.get`
pub fn secret_get(name: &str) -> Request {
    Request::get(&["secrets", name])
}

/// `secret.rotate`
pub fn secret_rotate() -> Request {
    Request::post(&["secrets", "rotate"])
}

/// `secret.fetch`
pub fn secret_fetch(name: &str) -> Request {
    Request::post(&["secrets", name, "fetch"])
}

/// `key.list`
pub fn key_list() -> Request {
    Request::get(&["keys"])
}

/// `key.prepare`
pub fn key_prepare() -> Request {
    Request::post(&["keys", "prepare"])
}

/// `key.rotate`
pub fn key_rotate() -> Request {
    Request::post(&["keys", "rotate"])
}

/// `key.revoke`
pub fn key_revoke() -> Request {
    Request::post(&["keys", "revoke"])
}

/// `peer.add`
pub fn peer_add() -> Request {
    Request::post(&["peers", "add"])
}

/// `peer.list`
pub fn peer_list() -> Request {
    Request::get(&["peers"])
}

/// `offer.list`
pub fn offer_list() -> Request {
    Request::get(&["offers"])
}

/// `contract.propose`
pub fn contract_propose() -> Request {
    Request::post(&["contracts", "propose"])
}

/// `contract.accept`
pub fn contract_accept(name: &str) -> Request {
    Request::post(&["contracts", name, "accept"])
}

/// `contract.revoke`
pub fn contract_revoke(name: &str) -> Request {
    Request::post(&["contracts", name, "revoke"])
}

/// `contract.get`
pub fn contract_get(name: &str) -> Request {
    Request::get(&["contracts", name])
}

/// `contract.list`
pub fn contract_list() -> Request {
    Request::get(&["contracts"])
}

/// `contract.disputes`
pub fn contract_disputes(name: &str) -> Request {
    Request::get(&["contracts", name, "disputes"])
}

/// `contract.settle`
pub fn contract_settle(name: &str, first: u64) -> Request {
    Request::post(&["contracts", name, "settle"]).json(&serde_json::json!({"first": first}))
}

/// `exchange.reconciliation`
pub fn exchange_reconciliation() -> Request {
    Request::get(&["exchange", "reconciliation"])
}

/// `exchange.skip`
pub fn exchange_skip(peer: &str) -> Request {
    Request::post(&["exchange", "skip"]).json(&serde_json::json!({"peer": peer}))
}

/// `unit.backup`
pub fn unit_backup() -> Request {
    Request::post(&["units", "backup"])
}

/// `package.sign`
pub fn package_sign() -> Request {
    Request::post(&["packages", "sign"])
}

/// `exchange.card`
pub fn exchange_card() -> Request {
    Request::get(&["exchange", "card"])
}

/// `list` and `get` of a kind that exists by running.
pub fn running(plural: &str, name: Option<&str>) -> Request {
    match name {
        Some(name) => Request::get(&[plural, name]),
        None => Request::get(&[plural]),
    }
}

/// `ledger.list`
pub fn ledger_list() -> Request {
    Request::get(&["ledger"])
}

/// The description of all operations (OpenAPI 3.1).
pub fn openapi() -> Request {
    Request::get(&["openapi.json"])
}

/// Whether the unit takes calls.
pub fn ready() -> Request {
    Request::at("/health/ready")
}
