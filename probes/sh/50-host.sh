# ---- one host -------------------------------------------------------------------------------------------------------

# what a host is trusted by beside the bundle, from the node's configuration of the endpoint that leads there
lax='' cas='' cacert=''
# another host than the registry may be this machine's own where the registry is
inside=

