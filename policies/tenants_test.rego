package portcullis.tenants_test

import rego.v1

request := {
	"caller": {"tenant": "t123"},
	"tenant": {"id": "t123", "residency": "eu"},
	"resource": {},
}

with_resource(resource) := object.union(request, {"resource": resource})

test_own_things_are_reached if {
	data.portcullis.tenants.isolated with input as request
	data.portcullis.tenants.isolated with input as with_resource({"dataset": {"tenant": "t123"}})
	data.portcullis.tenants.isolated with input as with_resource({"model": {"name": "ours", "tenant": "t123"}})
}

test_a_model_of_everybody_is_reached if data.portcullis.tenants.isolated with input as with_resource({"model": {"name": "base"}})

test_another_tenants_dataset_is_not_reached if {
	foreign := with_resource({"dataset": {"tenant": "t456"}})
	not data.portcullis.tenants.isolated with input as foreign
	{"code": "tenant.foreign", "text": "this belongs to another tenant"} in data.portcullis.tenants.reasons with input as foreign
}

test_another_tenants_model_is_not_reached if {
	not data.portcullis.tenants.isolated with input as with_resource({"model": {"name": "theirs", "tenant": "t456"}})
}

test_a_token_of_another_tenant_reaches_nothing if {
	not data.portcullis.tenants.isolated with input as object.union(request, {"caller": {"tenant": "t456"}})
}

test_a_token_without_a_tenant_reaches_nothing if {
	not data.portcullis.tenants.isolated with input as {"caller": {}, "tenant": {"id": "t123"}, "resource": {}}
}

test_data_that_must_stay_stays if {
	there := with_resource({"dataset": {"tenant": "t123", "residency": "us"}})
	here := with_resource({"dataset": {"tenant": "t123", "residency": "eu"}})
	not data.portcullis.tenants.isolated with input as there
	data.portcullis.tenants.isolated with input as here
}

test_a_scope_names_no_tenant_or_this_one if {
	data.portcullis.tenants.within("analytics:read") with input as request
	data.portcullis.tenants.within("analytics:read:t123") with input as request
	data.portcullis.tenants.within("dataset:read/ds:claims") with input as request
	not data.portcullis.tenants.within("analytics:read:t456") with input as request
	not data.portcullis.tenants.within("analytics:read:t456/ds") with input as request
}
