package portcullis.exchange_test

import rego.v1

usual := {
	"subject": {"sub": "usr_a", "tenant": "t123", "scopes": ["analytics:read", "generate:basic", "generate:standard"]},
	"client": {"id": "cli_a", "tenant": "t123", "agent": false, "scopes": ["analytics:read", "generate:basic"]},
	"tenant": {"id": "t123", "tier": "team", "state": "active", "datasets": ["ds_claims"]},
	"trust": {"id": "tr_1", "issuer": "https://idp.example", "scopes": ["analytics:read", "generate:basic"]},
	"requested": ["analytics:read", "generate:standard"],
	"datasets": ["ds_claims", "ds_other"],
	"impersonation": false,
	"behaviour": {"refusals": 0},
}

codes(decision) := {reason.code | some reason in decision.reasons}

test_an_exchange_yields_what_all_sides_have if {
	decision := data.portcullis.exchange.decision with input as usual
	decision.allow == true
	decision.scopes == {"analytics:read"}
	decision.datasets == {"ds_claims"}
	decision.obligations == {"max_ttl": 600}
}

test_the_trust_is_a_ceiling if {
	decision := data.portcullis.exchange.decision with input as object.union(usual, {"trust": {"scopes": ["generate:basic"]}})
	codes(decision) == {"scope.none"}
}

test_a_token_of_our_own_needs_no_trust if {
	decision := data.portcullis.exchange.decision with input as object.remove(usual, ["trust"])
	decision.scopes == {"analytics:read"}
}

test_another_tenants_scope_is_never_yielded if {
	asked := {
		"requested": ["analytics:read:t456"],
		"subject": {"scopes": ["analytics:read:t456"]},
		"client": {"scopes": ["analytics:read:t456"]},
		"trust": {"scopes": ["analytics:read:t456"]},
	}
	decision := data.portcullis.exchange.decision with input as object.union(usual, asked)
	codes(decision) == {"scope.none"}
}

test_another_tenants_subject_is_refused if {
	decision := data.portcullis.exchange.decision with input as object.union(usual, {"subject": {"tenant": "t456"}})
	codes(decision) == {"tenant.foreign"}
}

test_another_tenants_client_is_refused if {
	decision := data.portcullis.exchange.decision with input as object.union(usual, {"client": {"tenant": "t456"}})
	codes(decision) == {"tenant.foreign"}
}

test_nobody_hides_behind_another if {
	decision := data.portcullis.exchange.decision with input as object.union(usual, {"impersonation": true})
	codes(decision) == {"exchange.impersonation"}
}

test_who_may_hide_may if {
	both := {
		"impersonation": true,
		"trust": {"impersonation": true},
		"client": {"scopes": ["analytics:read", "exchange:impersonate"]},
	}
	decision := data.portcullis.exchange.decision with input as object.union(usual, both)
	decision.allow == true
}

test_a_client_of_the_house_acts_for_a_tenant if {
	house := object.union(object.remove(usual, ["client"]), {"client": object.remove(usual.client, ["tenant"])})
	decision := data.portcullis.exchange.decision with input as house
	decision.scopes == {"analytics:read"}
}

test_the_houses_own_pass_on_what_they_have if {
	own := object.union(object.remove(usual, ["client", "subject", "tenant", "trust"]), {
		"client": object.remove(usual.client, ["tenant"]),
		"subject": object.remove(usual.subject, ["tenant"]),
	})
	decision := data.portcullis.exchange.decision with input as own
	decision.scopes == {"analytics:read"}
	decision.datasets == {"ds_claims", "ds_other"}
}

test_a_subject_of_the_house_is_not_for_a_tenants_client if {
	mixed := object.union(object.remove(usual, ["subject", "tenant"]), {"subject": object.remove(usual.subject, ["tenant"])})
	decision := data.portcullis.exchange.decision with input as mixed
	decision.allow == false
}

test_a_suspended_tenant_exchanges_nothing if {
	decision := data.portcullis.exchange.decision with input as object.union(usual, {"tenant": {"state": "suspended"}})
	codes(decision) == {"tenant.state"}
}

test_who_knocks_too_often_exchanges_nothing if {
	decision := data.portcullis.exchange.decision with input as object.union(usual, {"behaviour": {"refusals": 61}})
	codes(decision) == {"brake.refusals"}
}
