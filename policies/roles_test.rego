package portcullis.roles_test

import rego.v1

act(action, role) := {
	"caller": {"tenant": "t123", "roles": [role], "amr": ["pwd", "otp"]},
	"action": action,
	"target": {"kind": "model", "id": "m", "tenant": "t123", "in_service": false},
}

test_a_manager_uploads_but_does_not_delete if {
	data.portcullis.roles.may with input as act("model:upload", "model-manager")
	not data.portcullis.roles.may with input as act("model:delete", "model-manager")
	some reason in data.portcullis.roles.reasons with input as act("model:delete", "model-manager")
	reason.code == "role.none"
}

test_an_admin_deletes if data.portcullis.roles.may with input as act("model:delete", "model-admin")

test_a_role_that_nobody_knows_may_nothing if not data.portcullis.roles.may with input as act("model:list", "emperor")

test_to_delete_takes_more_than_a_password if {
	weak := object.union(act("model:delete", "model-admin"), {"caller": {"amr": ["pwd"]}})
	not data.portcullis.roles.strong with input as weak
	data.portcullis.roles.strong with input as act("model:delete", "model-admin")
	some reason in data.portcullis.roles.reasons with input as weak
	reason.code == "role.weak"
}

test_to_list_takes_a_password if {
	data.portcullis.roles.strong with input as object.union(act("model:list", "viewer"), {"caller": {"amr": ["pwd"]}})
}

test_a_model_in_service_is_not_deleted if {
	serving := object.union(act("model:delete", "model-admin"), {"target": {"in_service": true}})
	not data.portcullis.roles.at_rest with input as serving
	data.portcullis.roles.at_rest with input as act("model:delete", "model-admin")
	some reason in data.portcullis.roles.reasons with input as serving
	reason.code == "model.in_service"
}

test_another_tenants_things_are_not_ones_own if {
	foreign := object.union(act("model:list", "viewer"), {"target": {"tenant": "t456"}})
	not data.portcullis.roles.own with input as foreign
	some reason in data.portcullis.roles.reasons with input as foreign
	reason.code == "tenant.foreign"
}

test_the_operators_things_are_not_ones_own if {
	not data.portcullis.roles.own with input as {"caller": {"tenant": "t123"}, "target": {"kind": "policy", "id": "p"}}
}

test_a_service_does_what_its_token_says if {
	service := {
		"caller": {"sub": "console", "client_id": "console", "tenant": "t123", "scopes": ["tenant:read"], "amr": []},
		"action": "tenant:read",
		"target": {"kind": "tenant", "id": "t123", "tenant": "t123"},
	}
	data.portcullis.roles.may with input as service
	not data.portcullis.roles.may with input as object.union(service, {"action": "tenant:write"})
	not data.portcullis.roles.may with input as object.union(service, {"caller": {"sub": "usr_a"}})
	data.portcullis.roles.strong with input as object.union(service, {"action": "tenant:admin"})
	not data.portcullis.roles.own with input as object.union(service, {"target": {"tenant": "t456"}})
}

test_the_house_reaches_every_tenant if {
	data.portcullis.roles.own with input as {"caller": {"roles": ["operator"]}, "target": {"kind": "tenant", "id": "t456", "tenant": "t456"}}
}
