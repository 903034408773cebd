package portcullis.tiers_test

import rego.v1

team := {"id": "t123", "tier": "team", "state": "active", "limits": {}}

test_an_active_tenant_is_active if data.portcullis.tiers.active with input.tenant as team

test_a_suspended_tenant_is_not_active if {
	suspended := object.union(team, {"state": "suspended"})
	not data.portcullis.tiers.active with input.tenant as suspended
	{"code": "tenant.state", "text": "the tenant's subscription is not active"} in data.portcullis.tiers.reasons with input.tenant as suspended
}

test_a_team_reaches_a_medium_model if {
	data.portcullis.tiers.reaches with input as {"tenant": team, "resource": {"model": {"class": "medium"}}}
}

test_a_free_tenant_never_reaches_a_large_model if {
	free := object.union(team, {"tier": "free"})
	request := {"tenant": free, "resource": {"model": {"class": "large"}}}
	not data.portcullis.tiers.reaches with input as request
	some reason in data.portcullis.tiers.reasons with input as request
	reason.code == "tier.model"
}

test_a_model_without_a_class_is_reached_by_nobody if {
	not data.portcullis.tiers.reaches with input as {"tenant": team, "resource": {"model": {"name": "new"}}}
}

test_a_request_without_a_model_needs_only_a_tier if {
	data.portcullis.tiers.reaches with input as {"tenant": team, "resource": {}}
}

test_a_tier_that_nobody_knows_reaches_nothing if {
	request := {"tenant": object.union(team, {"tier": "gold"}), "resource": {}}
	not data.portcullis.tiers.reaches with input as request
	some reason in data.portcullis.tiers.reasons with input as request
	reason.code == "tier.unknown"
}

test_the_tier_limits_the_answer if {
	data.portcullis.tiers.obligations == {"max_output_tokens": 4096} with input.tenant as team
}

test_the_contract_says_otherwise if {
	special := object.union(team, {"limits": {"max_output_tokens": 100}})
	data.portcullis.tiers.obligations == {"max_output_tokens": 100} with input.tenant as special
}

test_a_scope_is_looked_up_without_tenant_and_resource if {
	data.portcullis.tiers.has("mcp:call/github/create_issue") with input.tenant as team
	data.portcullis.tiers.has("analytics:read:t123") with input.tenant as team
	not data.portcullis.tiers.has("model:export") with input.tenant as team
	not data.portcullis.tiers.has("mcp") with input.tenant as team
}
