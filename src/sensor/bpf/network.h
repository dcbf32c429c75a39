// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#pragma once
/*
 * TCP connects and accepts.
 *
 * Who connects is known only when the socket's state becomes SYN_SENT; which source port it got,
 * only after that; and later states change in whatever task the packet interrupts. So the process
 * is remembered by socket, and reported at the first of: the state becomes ESTABLISHED or CLOSE,
 * or connect() returns.
 *
 * These programs may interrupt the others (packets come at any time): they use no scratch memory.
 */
#include "file.h"

#include <bpf/bpf_endian.h>

enum { CONNECTS = 8192 }; /* that have not been reported yet */

struct connecting {
    struct wire_header header;
    __u64 thread;
    __u32 network_namespace;
    __u32 reserved;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, CONNECTS);
    __type(key, __u64); /* address of the socket */
    __type(value, struct connecting);
} connecting_sockets SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, CONNECTS);
    __type(key, __u64);   /* thread */
    __type(value, __u64); /* address of the socket that it connects */
} connecting_threads SEC(".maps");

/* ::ffff:a.b.c.d */
INLINE bool is_mapped(const __u32 *address)
{
    return address[0] == 0 && address[1] == 0 && address[2] == bpf_htonl(0xffff);
}

/* Family, addresses and ports. */
INLINE void put_peers(struct wire_network *record, struct sock *sock)
{
    __u32 *local = (__u32 *)record->local_address;
    __u32 *remote = (__u32 *)record->remote_address;
    record->family = BPF_CORE_READ(sock, __sk_common.skc_family);
    record->protocol = PROTOCOL_TCP;
    record->local_port = BPF_CORE_READ(sock, __sk_common.skc_num);
    if (!record->local_port) /* given back already, when a connect failed */
        record->local_port = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sock, inet_sport));
    record->remote_port = bpf_ntohs(BPF_CORE_READ(sock, __sk_common.skc_dport));
    if (record->family == FAMILY_IPV4) {
        local[0] = BPF_CORE_READ(sock, __sk_common.skc_rcv_saddr);
        remote[0] = BPF_CORE_READ(sock, __sk_common.skc_daddr);
        return;
    }
    BPF_CORE_READ_INTO(&record->local_address, sock, __sk_common.skc_v6_rcv_saddr);
    BPF_CORE_READ_INTO(&record->remote_address, sock, __sk_common.skc_v6_daddr);
    if (is_mapped(remote)) {
        record->family = FAMILY_IPV4;
        local[0] = local[3];
        remote[0] = remote[3];
        local[1] = local[2] = local[3] = 0;
        remote[1] = remote[2] = remote[3] = 0;
    }
}

GLOBAL int report_connect(__u64 socket, __u32 outcome)
{
    struct connecting *connecting = bpf_map_lookup_elem(&connecting_sockets, &socket);
    if (!connecting)
        return 0;
    struct wire_network record = {};
    record.header = connecting->header;
    record.header.size = sizeof(record);
    record.outcome = outcome;
    record.network_namespace = connecting->network_namespace;
    put_peers(&record, (struct sock *)socket);
    __u64 thread = connecting->thread;
    /* Two processors may come here at once: who deletes it reports it. */
    if (bpf_map_delete_elem(&connecting_sockets, &socket) != 0)
        return 0;
    bpf_map_delete_elem(&connecting_threads, &thread);
    submit(&record, sizeof(record), WAKE_SOON, WIRE_COUNTER_FULL_NETWORK);
    return 0;
}

INLINE void remember_connect(__u64 socket)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct connecting connecting = {};
    connecting.thread = bpf_get_current_pid_tgid();
    connecting.network_namespace = task->nsproxy->net_ns->ns.inum;
    put_header(&connecting.header, WIRE_CONNECT, task);
    if (bpf_map_update_elem(&connecting_sockets, &socket, &connecting, BPF_ANY) != 0) {
        count(WIRE_COUNTER_MAP_FULL);
        return;
    }
    /* If this one is full the connect is still seen, only later. */
    bpf_map_update_elem(&connecting_threads, &connecting.thread, &socket, BPF_ANY);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(network_state, struct sock *sock, int old_state, int new_state)
{
    if (new_state != STATE_SYN_SENT && old_state != STATE_SYN_SENT)
        return 0;
    if (sock->sk_protocol != PROTOCOL_TCP)
        return 0;
    __u64 socket = 0; /* the address as a plain number */
    bpf_probe_read_kernel(&socket, sizeof(socket), ctx);
    if (new_state == STATE_SYN_SENT)
        remember_connect(socket);
    else
        report_connect(socket,
                       new_state == STATE_CLOSE ? WIRE_OUTCOME_FAILED : WIRE_OUTCOME_ESTABLISHED);
    return 0;
}

SEC("tracepoint")
int network_connect_end(struct call_end *call)
{
    __u64 thread = bpf_get_current_pid_tgid();
    __u64 *socket = bpf_map_lookup_elem(&connecting_threads, &thread);
    if (!socket)
        return 0;
    __u64 address = *socket;
    report_connect(address, WIRE_OUTCOME_PENDING);
    bpf_map_delete_elem(&connecting_threads, &thread);
    return 0;
}

GLOBAL int report_accept(__s64 descriptor)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct file *file = (struct file *)file_of_descriptor(task, descriptor);
    struct socket *socket = (struct socket *)BPF_CORE_READ(file, private_data);
    struct sock *sock = BPF_CORE_READ(socket, sk);
    __u16 family = BPF_CORE_READ(sock, __sk_common.skc_family);
    if (family != FAMILY_IPV4 && family != FAMILY_IPV6)
        return 0;
    if (BPF_CORE_READ(sock, sk_protocol) != PROTOCOL_TCP)
        return 0;
    struct wire_network record = {};
    put_header(&record.header, WIRE_ACCEPT, task);
    record.header.size = sizeof(record);
    record.outcome = WIRE_OUTCOME_ESTABLISHED;
    record.network_namespace = task->nsproxy->net_ns->ns.inum;
    put_peers(&record, sock);
    submit(&record, sizeof(record), WAKE_SOON, WIRE_COUNTER_FULL_NETWORK);
    return 0;
}

/* accept and accept4 */
SEC("tracepoint")
int network_accept_end(struct call_end *call)
{
    if (call->result >= 0)
        report_accept(call->result);
    return 0;
}
