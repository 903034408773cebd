package portcullis.token_test

import rego.v1

usual := {
	"caller": {"sub": "usr_a", "tenant": "t123", "scopes": ["generate:basic", "model:export", "batch:create", "analytics:read:t456"]},
	"client": {"id": "cli_a", "agent": false},
	"tenant": {"id": "t123", "tier": "team", "state": "active"},
	"behaviour": {"refusals": 0},
}

codes(decision) := {reason.code | some reason in decision.reasons}

test_a_token_holds_what_the_tier_has if {
	decision := data.portcullis.token.decision with input as usual
	decision.allow == true
	decision.scopes == {"generate:basic", "batch:create"}
}

test_an_agents_token_holds_what_agents_may if {
	decision := data.portcullis.token.decision with input as object.union(usual, {"client": {"agent": true}})
	decision.scopes == {"generate:basic"}
}

test_a_caller_of_another_tenant_gets_no_token if {
	decision := data.portcullis.token.decision with input as object.union(usual, {"caller": {"tenant": "t456"}})
	codes(decision) == {"tenant.foreign"}
}

test_a_token_without_rights_is_not_made if {
	decision := data.portcullis.token.decision with input as object.union(usual, {"caller": {"scopes": ["model:export"]}})
	codes(decision) == {"scope.none"}
}

test_who_knocks_too_often_gets_no_token if {
	decision := data.portcullis.token.decision with input as object.union(usual, {"behaviour": {"refusals": 61}})
	codes(decision) == {"brake.refusals"}
}

test_a_suspended_tenant_gets_no_token if {
	decision := data.portcullis.token.decision with input as object.union(usual, {"tenant": {"state": "suspended"}})
	codes(decision) == {"tenant.state"}
}

test_whoever_only_signs_in_needs_no_scope if {
	decision := data.portcullis.token.decision with input as object.union(usual, {"caller": {"scopes": []}})
	decision.allow == true
}
