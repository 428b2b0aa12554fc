"""Scripts for shells that ask us what may come next on the command line.

``kubectl`` asks through ``PLUGIN_SCRIPT``. The answers belong in ``completion``.
"""

from __future__ import annotations

PLUGIN = "kubectl_complete-virt_clone"
"""The program that kubectl 1.26 and newer look for on the PATH."""

MARK = "# written by 'kubectl virt-clone completion --install'"

PLUGIN_SCRIPT = f"""\
#!/bin/sh
{MARK}
exec kubectl-virt_clone __complete "$@"
"""

# No descriptions: bash would insert them. It breaks words at = and :, which we undo first, and
# replaces only what follows the last of them.
_BASH = """\
_kubectl_virt_clone() {
    local line=${COMP_LINE:0:COMP_POINT} words=() count=0 i word out directive value kept=
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((count == 0)) || [[ $line == [[:blank:]]* ]]; then
            line=${line#"${line%%[![:blank:]]*}"}
            words[count++]=
        fi
        ((i == COMP_CWORD)) && word=$line
        words[count - 1]+=$word
        line=${line#"$word"}
    done
    words=("${words[@]//[\\"\\']/}")
    COMPREPLY=()
    out=$("${words[0]/#\\~/$HOME}" __complete "${words[@]:1}" 2>/dev/null) || return
    directive=${out##*:}
    out=${out%:*}
    word=${words[count - 1]}
    [[ $word == -*=* ]] && value=${word#*=} || value=$word
    if [[ $value == *[=:]* ]]; then
        kept=${value%"${value##*[=:]}"}
    fi
    if ((directive == 0 || directive & 8)); then
        compopt -o default 2>/dev/null
    elif ((directive & 16)); then
        compopt -o dirnames 2>/dev/null
    else
        while IFS= read -r word; do
            word=${word%%$'\\t'*}
            [[ -n $word ]] && COMPREPLY+=("${word#"$kept"}")
        done <<<"$out"
        ((directive & 2)) && compopt -o nospace 2>/dev/null
    fi
}
complete -F _kubectl_virt_clone kubectl-virt_clone
"""

_ZSH = """\
_kubectl-virt_clone() {
    local out directive line
    local -a lines found space
    out=$("${(@Q)words[1]/#\\~/$HOME}" __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" \\
        2>/dev/null) || return 1
    lines=("${(@f)out}")
    directive=${lines[-1]#:}
    lines[-1]=()
    [[ $PREFIX == -*=* ]] && compset -P 1 '*='
    if ((directive & 8)); then
        _files -g "*.(${(j:|:)lines})"
    elif ((directive & 16)); then
        _files -/
    elif ((directive == 0)); then
        _files
    else
        for line in "${lines[@]}"; do
            out=${line%%$'\\t'*}
            found+=("${out//:/\\\\:}${${line#"$out"}/$'\\t'/:}")
        done
        ((directive & 2)) && space=(-S '')
        _describe 'kubectl virt-clone' found "${space[@]}"
    fi
}
if [[ $funcstack[1] == _kubectl-virt_clone ]]; then
    _kubectl-virt_clone "$@"
else
    compdef _kubectl-virt_clone kubectl-virt_clone
fi
"""

_FISH = """\
function __kubectl_virt_clone
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    set -l program $words[1]
    set -e words[1]
    set -l found ($program __complete $words "$typed" 2>/dev/null)
    or return
    set -l directive (string sub -s 2 -- $found[-1])
    set -e found[-1]
    switch $directive
        case 0 8
            __fish_complete_path $typed
        case 16
            __fish_complete_directories $typed
        case '*'
            set -l flag (string match -r -- '^-[^=]*=' "$typed")
            printf '%s\\n' "$flag"$found
    end
end
complete -c kubectl-virt_clone -f -a '(__kubectl_virt_clone)'
"""

_SETUP = {
    "bash": "source <(kubectl virt-clone completion bash)",
    "zsh": "source <(kubectl virt-clone completion zsh)",
    "fish": "kubectl virt-clone completion fish | source",
}
_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
SHELLS = tuple(_SCRIPTS)


def script(shell: str) -> str:
    """The script that lets a shell complete ``kubectl-virt_clone``."""
    compdef = "#compdef kubectl-virt_clone\n" if shell == "zsh" else ""
    return f"""\
{compdef}# Completion of kubectl-virt_clone in {shell}:
#   {_SETUP[shell]}
# 'kubectl virt-clone' is completed by kubectl (1.26 or newer), which has a script of its own,
#   {_SETUP[shell].replace(" virt-clone", "")}
# and asks {PLUGIN} if that is on the PATH. pip puts it there; else do
#   kubectl virt-clone completion --install DIR
{_SCRIPTS[shell]}"""
