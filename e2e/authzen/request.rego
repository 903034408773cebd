# What evaluations are tried with: records, a list of things to do, and datasets of tenants.
package portcullis.request

import rego.v1

default decision := {"allow": false}

decision := {"allow": true, "obligations": {"max_output_tokens": 77}} if allow

else := {"allow": false, "reasons": [{"code": "nobody", "text": "no rule lets this subject do that"}]}

said := input.resource.attributes

# Records, as the certification of the API has them.
allow if {
	said.type == "record"
	input.caller.sub == "alice"
	said.action in ["read", "write"]
	not archived
}

allow if {
	said.type == "record"
	input.caller.sub in ["alice", "bob"]
	said.action == "read"
}

allow if {
	said.type == "record"
	archived
	"admin" in input.caller.roles
	said.action == "write"
}

allow if {
	said.type == "record"
	input.caller.sub == "alice"
	said.action == "delete"
	said["action.soft"] == "true"
}

archived if said["resource.status"] == "archived"

# Things to do, as the interoperability events have them.
allow if {
	said.action in ["can_read_user", "can_read_todos"]
	said["subject.email"]
}

allow if {
	said.action == "can_create_todo"
	some role in input.caller.roles
	role in ["admin", "editor"]
}

allow if {
	said.action == "can_update_todo"
	"evil_genius" in input.caller.roles
}

allow if {
	said.action == "can_delete_todo"
	"admin" in input.caller.roles
}

allow if {
	said.action in ["can_update_todo", "can_delete_todo"]
	"editor" in input.caller.roles
	said["resource.ownerID"] == said["subject.email"]
}

# Datasets and models of tenants.
allow if {
	input.tenant.state == "active"
	input.caller.tenant == input.tenant.id
	input.resource.dataset.tenant == input.tenant.id
}

allow if {
	input.resource.model.class == "small"
	input.context.hour >= 8
	input.context.hour < 18
}
