# From where. Which addresses a network has is in the configuration; which networks count, in data.json.
package portcullis.networks

import rego.v1

# Management only from the house's own networks. Looking is free.
trusted if {
	some network in input.context.networks
	network in data.networks.management
}

trusted if endswith(input.action, ":list")

trusted if endswith(input.action, ":read")

reasons contains {"code": "network.foreign", "text": "this is only done from the house's own networks"} if not trusted
