"""What a VirtualMachineClone is and will become: KubeVirt's rules as pure functions.

No I/O, no clock, no randomness, no click: those come in as values.
"""
