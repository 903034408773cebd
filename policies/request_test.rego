package portcullis.request_test

import rego.v1

usual := {
	"caller": {"sub": "usr_a", "client_id": "cli_a", "tenant": "t123", "act": [], "scopes": ["generate:standard"]},
	"tenant": {"id": "t123", "tier": "team", "state": "active", "limits": {}},
	"resource": {"scopes": ["generate:standard"], "model": {"name": "text-medium", "class": "medium"}},
	"behaviour": {"distinct_prompts": 3, "requests_per_minute": 5, "refusals": 0},
}

changed(more) := object.union(usual, more)

codes(decision) := {reason.code | some reason in decision.reasons}

test_a_usual_request_passes_with_the_tiers_limit if {
	data.portcullis.request.decision == {"allow": true, "obligations": {"max_output_tokens": 4096}} with input as usual
}

test_nothing_at_all_is_denied if {
	decision := data.portcullis.request.decision with input as {}
	decision.allow == false
}

test_too_many_prompts_leave_the_least if {
	decision := data.portcullis.request.decision with input as changed({"behaviour": {"distinct_prompts": 301}})
	decision.allow == true
	decision.scopes == ["generate:basic"]
	codes(decision) == {"brake.steady"}
}

test_a_suspended_tenant_is_denied_and_told_why if {
	decision := data.portcullis.request.decision with input as changed({"tenant": {"state": "suspended"}})
	decision.allow == false
	codes(decision) == {"tenant.state"}
}

test_every_reason_is_told if {
	decision := data.portcullis.request.decision with input as changed({
		"caller": {"act": [{"sub": "agt_1"}]},
		"tenant": {"tier": "free"},
		"resource": {"scopes": ["model:export"], "dataset": {"id": "d", "tenant": "t456"}},
		"behaviour": {"refusals": 100},
	})
	decision.allow == false
	codes(decision) == {"tier.model", "tenant.foreign", "agent.scope", "brake.refusals"}
}

test_the_houses_own_pass_without_a_tenant if {
	own := object.union(object.remove(usual, ["caller", "tenant"]), {"caller": object.remove(usual.caller, ["tenant"])})
	data.portcullis.request.decision == {"allow": true, "obligations": {"max_output_tokens": 16384}} with input as own
}

test_a_tenant_that_nobody_knows_is_not_the_house if {
	decision := data.portcullis.request.decision with input as object.remove(usual, ["tenant"])
	decision.allow == false
}

test_the_houses_own_reach_no_tenants_model if {
	own := object.union(object.remove(usual, ["caller", "tenant"]), {
		"caller": object.remove(usual.caller, ["tenant"]),
		"resource": {"model": {"tenant": "t123"}},
	})
	decision := data.portcullis.request.decision with input as own
	codes(decision) == {"tenant.foreign"}
}
