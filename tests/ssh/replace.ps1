$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
try {
    $new = 'C:\100 % R&D\o''clock ’’.txt.new'
    $target = 'C:\100 % R&D\o''clock ’’.txt'
    $kept = 'C:\100 % R&D\o''clock ’’.txt.old'
    [System.IO.File]::Replace($new, $target, $kept)
    [System.IO.File]::Delete($kept)
    [Console]::Out.WriteLine('scorch:done')
} catch {
    $result = $_.Exception.GetBaseException().HResult
    $code = 31
    if (($result -band 0x7FFF0000) -eq 0x70000) {
        $code = $result -band 0xFFFF
    }
    if ([System.IO.File]::Exists($kept)) {
        if ([System.IO.File]::Exists($target)) {
            if (-not [System.IO.File]::Exists($new)) {
                [Console]::Out.WriteLine('scorch:done kept')
                exit 0
            }
        } else {
            [System.IO.File]::Move($kept, $target)
        }
    }
    [Console]::Out.WriteLine('scorch:refused ' + $code)
}
