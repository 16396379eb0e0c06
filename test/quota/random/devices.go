package random

import (
	"fmt"

	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The names that quotas have for the devices of the classes that claims name.
const (
	GPUs  = "gpu.deviceclass.resource.k8s.io/devices"
	FPGAs = "fpga.deviceclass.resource.k8s.io/devices"
)

// DeviceClaim draws a claim for devices, of one class or alternatives of several.
func (d Dice) DeviceClaim(name string) *resourcev1.ResourceClaim {
	c := &resourcev1.ResourceClaim{ObjectMeta: metav1.ObjectMeta{Name: name}}
	for i := range 1 + d.IntN(3) {
		r := resourcev1.DeviceRequest{Name: fmt.Sprintf("r%d", i)}
		if d.In(30) {
			for j := range 1 + d.IntN(3) {
				mode, n := d.devices()
				r.FirstAvailable = append(r.FirstAvailable, resourcev1.DeviceSubRequest{
					Name: fmt.Sprintf("s%d", j), DeviceClassName: One(d, "gpu", "fpga", "nic"), AllocationMode: mode, Count: n,
				})
			}
		} else {
			mode, n := d.devices()
			r.Exactly = &resourcev1.ExactDeviceRequest{DeviceClassName: One(d, "gpu", "gpu", "fpga", "nic"), AllocationMode: mode, Count: n}
		}
		c.Spec.Devices.Requests = append(c.Spec.Devices.Requests, r)
	}
	return c
}

// devices draws how many are wanted; nothing said is one.
func (d Dice) devices() (resourcev1.DeviceAllocationMode, int64) {
	switch r := d.IntN(10); {
	case r < 4:
		return "", 0
	case r < 9:
		return resourcev1.DeviceAllocationModeExactCount, 1 + d.Int64N(4)
	}
	return resourcev1.DeviceAllocationModeAll, 0
}
