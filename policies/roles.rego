# What people may do by their roles. Which role may do what is in data.json.
package portcullis.roles

import rego.v1

# Some role of the caller has this action.
may if {
	some role in input.caller.roles
	input.action in data.roles[role]
}

# Who acts for itself and is nobody's app has no roles: what it may do is in its token.
may if {
	service
	input.action in input.caller.scopes
}

service if input.caller.sub == input.caller.client_id

# What takes away or hands out needs a person who proved more than a password.
strong if not input.action in privileged

strong if {
	some method in input.caller.amr
	method in data.strong
}

strong if service

privileged := {"model:delete", "model:export", "model:share", "dataset:delete", "key:delete", "tenant:admin"}

# A model that serves requests is taken out of service before it is deleted.
at_rest if input.action != "model:delete"

at_rest if not input.target.in_service

# One's own tenant's things only.
own if input.target.tenant == input.caller.tenant

# Who has no tenant is of the house.
own if not input.caller.tenant

reasons contains {"code": "role.none", "text": "no role of the caller may do this"} if not may

reasons contains {"code": "role.weak", "text": "sign in with a second factor first"} if not strong

reasons contains {"code": "model.in_service", "text": "take the model out of service first"} if not at_rest

reasons contains {"code": "tenant.foreign", "text": "this belongs to another tenant"} if not own
