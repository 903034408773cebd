package portcullis.client_test

import rego.v1

usual := {
	"client": {"id": "cli_a", "tenant": "t123", "confidential": true, "scopes": ["generate:basic", "mcp:call", "model:export"]},
	"tenant": {"id": "t123", "tier": "team", "state": "active"},
	"requested": ["generate:basic", "mcp:call/github", "model:export", "analytics:read:t456"],
}

codes(decision) := {reason.code | some reason in decision.reasons}

test_a_client_gets_what_it_is_registered_for_and_the_tier_has if {
	decision := data.portcullis.client.decision with input as usual
	decision.allow == true
	decision.scopes == {"generate:basic", "mcp:call/github"}
	decision.obligations == {"max_ttl": 900}
}

test_a_client_of_another_tenant_gets_nothing if {
	decision := data.portcullis.client.decision with input as object.union(usual, {"client": {"tenant": "t456"}})
	decision.allow == false
	codes(decision) == {"tenant.foreign"}
}

test_a_public_client_gets_nothing_for_itself if {
	decision := data.portcullis.client.decision with input as object.union(usual, {"client": {"confidential": false}})
	codes(decision) == {"client.public"}
}

test_nothing_left_is_a_denial if {
	decision := data.portcullis.client.decision with input as object.union(usual, {"requested": ["model:export"]})
	codes(decision) == {"scope.none"}
}

test_an_ended_tenant_gets_nothing if {
	decision := data.portcullis.client.decision with input as object.union(usual, {"tenant": {"state": "ended"}})
	codes(decision) == {"tenant.state"}
}

test_a_client_of_the_house_gets_what_it_is_registered_for if {
	own := object.union(object.remove(usual, ["client", "tenant"]), {"client": object.remove(usual.client, ["tenant"])})
	decision := data.portcullis.client.decision with input as own
	decision.scopes == {"generate:basic", "mcp:call/github", "model:export"}
}
