/* SPDX-License-Identifier: BSD-2-Clause */
/* The compiled packet programs as bytes of the daemon. */
	.section .rodata
	.balign 8
	.globl pmip_bpf_image
	.type pmip_bpf_image, %object
pmip_bpf_image:
	.incbin "pmip.bpf.o"
	.globl pmip_bpf_image_end
	.type pmip_bpf_image_end, %object
pmip_bpf_image_end:
	.size pmip_bpf_image, pmip_bpf_image_end - pmip_bpf_image
	.section .note.GNU-stack, "", %progbits
