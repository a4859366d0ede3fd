# accounts DATA TIMELINE END LEADER_TIMELINE: where a log of this timeline that goes to END is kept, and the account beside it.
for kept in "$1.switchback/kept/"*"-$2-$3-$4"; do
    [ -f "$kept/SHA256SUMS" ] || continue
    printf 'kept=%s\n' "${kept##*/}"
    if [ -f "$kept/account/SHA256SUMS" ] && [ -f "$kept/account/account.txt" ]; then
        printf 'folder=%s\n' "$kept/account"
        cat "$kept/account/account.txt"
        exit
    fi
done
exit 0
