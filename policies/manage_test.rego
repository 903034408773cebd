package portcullis.manage_test

import rego.v1

usual := {
	"caller": {"sub": "usr_a", "tenant": "t123", "roles": ["model-admin"], "amr": ["pwd", "otp"], "act": []},
	"action": "model:export",
	"target": {"kind": "model", "id": "m", "tenant": "t123", "in_service": true},
	"context": {"weekday": "tuesday", "hour": 10, "networks": ["vpn"]},
	"behaviour": {"new_country": false, "refusals": 0},
}

codes(decision) := {reason.code | some reason in decision.reasons}

test_an_admin_exports_at_work if data.portcullis.manage.decision == {"allow": true} with input as usual

test_an_agent_does_not_manage if {
	decision := data.portcullis.manage.decision with input as object.union(usual, {"caller": {"act": [{"sub": "agt_1"}]}})
	codes(decision) == {"agent.manage"}
}

test_every_reason_is_told if {
	decision := data.portcullis.manage.decision with input as {
		"caller": {"sub": "usr_a", "tenant": "t123", "roles": [], "amr": ["pwd"], "act": []},
		"action": "model:export",
		"target": {"kind": "model", "id": "m", "tenant": "t456", "in_service": true},
		"context": {"weekday": "sunday", "hour": 23, "networks": []},
		"behaviour": {"new_country": true, "refusals": 99},
	}
	codes(decision) == {"role.none", "role.weak", "tenant.foreign", "hours.export", "network.foreign", "brake.refusals"}
}
