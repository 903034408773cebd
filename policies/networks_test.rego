package portcullis.networks_test

import rego.v1

test_the_office_manages if {
	data.portcullis.networks.trusted with input as {"action": "model:delete", "context": {"networks": ["office"]}}
}

test_the_world_does_not if {
	request := {"action": "model:delete", "context": {"networks": ["guests"]}}
	not data.portcullis.networks.trusted with input as request
	some reason in data.portcullis.networks.reasons with input as request
	reason.code == "network.foreign"
}

test_no_network_is_not_the_office if {
	not data.portcullis.networks.trusted with input as {"action": "model:delete", "context": {"networks": []}}
}

test_looking_is_free if {
	data.portcullis.networks.trusted with input as {"action": "model:list", "context": {"networks": []}}
	data.portcullis.networks.trusted with input as {"action": "analytics:read", "context": {"networks": []}}
}
