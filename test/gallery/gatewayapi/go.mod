// The custom resource definitions of the Gateway API, as its project ships them.
// Only the files are used; no program is built of this module.
module github.com/kubectl-msa/kubectl-msa/test/gallery/gatewayapi

go 1.26.0

require sigs.k8s.io/gateway-api v1.6.3
